"""Many workers: batch norm where one batch is spread over processes, steps or a second forward.

- `processes`: starts processes that talk through gloo, and brings back what a function returns;
- `sync`: batch norm with the statistics of all workers, from `all_reduce`;
- `ddp`: what DistributedDataParallel keeps equal, and a training run in it;
- `replicas`: which statistics DataParallel keeps;
- `accumulation`: the gradient of a batch in one piece and in several;
- `checkpointing`: statistics that gradient checkpointing would move twice.
"""
