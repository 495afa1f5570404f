# Namespaces, each with the pod security that its add-ons can bear.

# ---------------------------------------------------------------- Facts

locals {
  # restricted: no root, no privileges, no host. baseline: images that cannot do without a default of theirs.
  # privileged: reads the nodes' log files.
  namespaces = {
    airflow    = "baseline"
    (var.name) = "restricted"
    logging    = "privileged"
    milvus     = "baseline"
    monitoring = "baseline"
  }
}

# ---------------------------------------------------------------- Resources

resource "kubernetes_namespace_v1" "main" {
  for_each = local.namespaces

  metadata {
    name = each.key
    labels = {
      "pod-security.kubernetes.io/enforce" = each.value
      "pod-security.kubernetes.io/warn"    = "restricted"
    }
  }
}
