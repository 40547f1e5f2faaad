"""`mesagym show`: levels on one picture, and as texts."""

from pathlib import Path

from mesagym.cli import device
from mesagym.cli.commands import say
from mesagym.cli.level_schema import ShowConfig
from mesagym.cli.levels import choose_levels, made, pictures_of, title_of
from mesagym.envs.level_files import write_levels
from mesagym.report.mural import Picture, Section, mural
from mesagym.tracking import atomic_write_bytes
from mesagym.tracking.files import make_folders


def run(config: ShowConfig) -> int:
    """Draw, print where the picture is, and the texts where they are asked for."""
    device.use(config.device)
    env, params = made(config.env)
    say(f"drawing levels of {title_of(env)}, compiling first")
    chosen = choose_levels(
        env,
        params,
        config.n,
        config.seed,
        alpha=config.alpha,
        shift=config.shift,
        folder=config.folder,
    )
    drawn, legend = pictures_of(chosen, config.tile)
    pictures = [
        Picture(pixels, chosen.label(i) if config.folder is None else chosen.names[i])
        for i, pixels in enumerate(drawn)
    ]
    title = f"{title_of(chosen.env)}: {chosen.what}"
    path = Path(config.out or f"levels-{config.env.name}.png")
    make_folders(path.parent)
    section = Section("", pictures)
    data = mural(title, [section], columns=config.columns, legend=legend)
    atomic_write_bytes(path, data)
    if config.text:
        for i, name in enumerate(chosen.names):
            print(f"{name} ({chosen.label(i)})\n{chosen.env.show(chosen.level(i))}\n")
    if config.save is not None:
        files = write_levels(chosen.env, chosen.levels, config.save)
        print(f"Texts: {len(files)} in {config.save}")
    print(f"Picture: {path}")
    return 0
