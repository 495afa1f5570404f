"""The AWS side of CALI on one machine: what `chalice deploy` deployed is run, fed, and broken, without AWS or Docker.

    emulator.py   moto as a process of its own, with what it lacks
    aws.py        the resources that Terraform makes, in that emulator
    artefact.py   a deployed function as files: its zip and layers, as moto holds them
    runtime.py    runs those files in Lambda's own runtime client
    streams.py    reads shards; batches.py decides what becomes of a batch; poller.py does it
    firehose.py   both delivery streams; opensearch.py, slack.py, models.py, milvus.py stand in for what they reach
    cloud.py      all of it together; faults.py breaks it; observe.py says what came of it

For development alone: nothing here is ever deployed.
"""
