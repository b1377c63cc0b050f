"""``guideway cache``: where compiled guidelines are kept, how much it is, and how to be rid of them."""

from __future__ import annotations

import click

from guideway.cache import user_cache


@click.group()
def cache() -> None:
    """Where compiled guidelines are kept.

    A guideline is compiled once and kept in the user's cache folder; GUIDEWAY_CACHE names another folder, and GUIDEWAY_CACHE=off
    keeps nothing. Losing it costs time, never results.
    """


@cache.command()
def path() -> None:
    """Print the folder."""
    folder = user_cache().folder
    click.echo(folder if folder is not None else "caching is off")


@cache.command()
@click.option("--files", is_flag=True, help="List every entry with its size, too.")
def info(files: bool) -> None:
    """Print the folder, and what is kept there by kind."""
    kept = user_cache()
    if kept.folder is None:
        click.echo("caching is off")
        return
    entries = kept.entries()
    total = sum(size for _, size in entries)
    click.echo(f"{kept.folder}: {_count(len(entries))}, {_size(total)} of at most {_size(kept.limit)}")
    kinds: dict[str, list[int]] = {}
    for name, size in entries:
        kinds.setdefault(name.partition("-")[0], []).append(size)
    for kind, sizes in kinds.items():
        click.echo(f"  {_size(sum(sizes)):>10}  {_count(len(sizes)):<12}  {kind}")
    if files:
        for name, size in entries:
            click.echo(f"  {_size(size):>10}  {name}")


@cache.command()
def clear() -> None:
    """Remove every entry."""
    click.echo(f"{_count(user_cache().clear())} removed")


def _count(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _size(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"
