"""How fast this GPU copies memory: the bound that decoding is compared with."""

import torch


def copy_bandwidth_gb_s(size_mb: int = 1024, repeats: int = 20) -> float:
    """Bytes read and written in a second by copies of `size_mb`, in GB/s."""
    source = torch.empty(size_mb << 20, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeats):
        target.copy_(source)
    end.record()
    end.synchronize()
    return 2 * source.nbytes * repeats / start.elapsed_time(end) / 1e6


def print_copy_bandwidth() -> None:
    """Print it."""
    print(f"copy bandwidth: {copy_bandwidth_gb_s():.0f} GB/s")
