"""Which processes of a group still run; zombies that nobody has reaped yet are dead."""

import subprocess


def alive_in_group(group: int) -> list[str]:
    """Commands of the living processes of a process group."""
    listing = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = (line.split(None, 2) for line in listing.stdout.splitlines())
    return [" ".join(row[2:]) for row in rows if int(row[0]) == group and not row[1].startswith("Z")]
