# Who in the cluster may do what in AWS: one role for each service account.

# ---------------------------------------------------------------- Settings

variable "airflow_executor" {
  description = "The executor of the Airflow add-on. The component that runs tasks gets what tasks need; the others do not."
  type        = string
  default     = "LocalExecutor"

  validation {
    condition     = contains(["LocalExecutor", "CeleryExecutor", "KubernetesExecutor"], var.airflow_executor)
    error_message = "airflow_executor must be LocalExecutor, CeleryExecutor or KubernetesExecutor."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  issuer = trimprefix(aws_eks_cluster.main.identity[0].oidc[0].issuer, "https://")
  airflow_tasks = [
    "read_lessons", "write_learnt", "drop_learnt", "read_items", "write_items", "find_items", "count_spent", "give_up_mark",
    "read_secret_github", "read_secret_milvus", "read_secret_openai", "read_secret_slack",
  ]
  runs_tasks = var.airflow_executor == "LocalExecutor" ? "scheduler" : "worker"

  # What each component of Airflow does beside the tasks.
  airflow = {
    api-server    = ["read_task_logs"]
    dag-processor = []
    scheduler     = ["write_task_logs"]
    triggerer     = ["write_task_logs"]
    worker        = ["write_task_logs"]
  }

  service_accounts = merge(
    { for component, grants in local.airflow : "airflow-${component}" => {
      namespace = "airflow"
      account   = "airflow-${component}"
      grants    = concat(grants, component == local.runs_tasks ? local.airflow_tasks : [])
      managed   = {}
    } },
    {
      cluster-autoscaler = { namespace = "kube-system", account = "cluster-autoscaler", grants = ["scale_nodes"], managed = {} }
      consumer = {
        namespace = var.name, account = "consumer", managed = {},
        grants = [
          "read_logs", "read_incidents_stream", "publish_incidents", "read_items", "write_items", "count_spent", "give_up_mark", "find_items",
          "write_quarantine", "write_new_errors", "read_config", "read_releases", "read_secret_milvus", "read_secret_openai",
          "read_secret_slack", "send_mail",
        ]
      }
      ebs-csi = {
        namespace = "kube-system", account = "ebs-csi-controller-sa", grants = [],
        managed   = { driver = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy" }
      }
      fluent-bit = { namespace = "logging", account = "fluent-bit", grants = ["send_logs"], managed = {} }
      grafana    = { namespace = "monitoring", account = "grafana", grants = ["search", "read_metrics"], managed = {} }
      vpc-cni = {
        namespace = "kube-system", account = "aws-node", grants = [],
        managed   = { cni = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy" }
      }
    },
  )
}

# ---------------------------------------------------------------- Resources

# No thumbprint: for EKS issuers IAM trusts its own list of authorities, and a pinned one breaks when Amazon changes its.
resource "aws_iam_openid_connect_provider" "cluster" {
  url            = aws_eks_cluster.main.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}

module "service_account" {
  source   = "./modules/irsa"
  for_each = local.service_accounts

  name             = "${var.name}-${each.key}"
  namespace        = each.value.namespace
  service_account  = each.value.account
  provider_arn     = aws_iam_openid_connect_provider.cluster.arn
  issuer           = local.issuer
  managed_policies = each.value.managed
  boundary         = local.arns.boundary[length(each.value.managed) == 0 ? "workload" : "cluster"]

  policy = length(each.value.grants) == 0 ? null : jsonencode({
    Version = "2012-10-17", Statement = flatten([for grant in each.value.grants : local.grants[grant]])
  })

  depends_on = [aws_iam_policy.boundary]
}

# ---------------------------------------------------------------- Outputs

output "service_accounts" {
  description = "Namespace, name and role of each service account that needs AWS."
  value = { for name, account in local.service_accounts : name => {
    namespace = account.namespace
    name      = account.account
    role_arn  = module.service_account[name].arn
  } }
}
