"""The AWS side of CALI on one machine. It runs the deployed functions, feeds them, and injects faults, without AWS or
Docker.

    emulator.py   moto as a separate process, with additions
    aws.py        the resources of Terraform, in that emulator
    artefact.py   a deployed function as files: its zip and layers, from moto
    runtime.py    runs those files in Lambda's own runtime client
    streams.py    reads shards; batches.py decides on batches, poller.py acts
    firehose.py   both delivery streams; opensearch.py, slack.py, models.py, milvus.py are fake servers
    cloud.py      all of it together; faults.py injects faults; observe.py reads the results

For development only: nothing here is deployed.
"""
