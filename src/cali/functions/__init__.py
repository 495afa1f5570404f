"""What each cloud function does, as plain Python: decoded input and ports in, a report out. No AWS, no Chalice.

delivery   a batch of a shard, its positions, what of it waits for the next batch
ledger     what a shard has read and what waits, as a note
analyze    log lines -> incidents                    diagnose   opened incidents -> diagnosed ones
lives      a change in an incident's life, kept      alert      changes -> one message per incident
           and published once                        sweep      silence -> quiet; repairs what was left
enrich     Firehose records -> searchable documents  slack       a signed request from Slack
consume    shards -> batches, for a process that lives on: `cali worker`
"""
