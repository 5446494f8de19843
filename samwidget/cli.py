"""The command ``samwidget``: each sub-command is one function that calls the library and prints what it did.

Owns the options, their help texts and the lines that are printed. All work is done by the packages, which each command
imports when it runs, so that ``--help`` is fast. ``__main__`` and the installed script call ``main``.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from samwidget.errors import ImageError, PromptError, SamWidgetError, SamWidgetWarning

app = typer.Typer(
    name="samwidget",
    help="Segment images: open a notebook and click on them, or run one of these commands.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ModelOption = Annotated[str | None, typer.Option("--model", help="A name of `samwidget models`, a hub id or a folder.")]

ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="CPU threads; if not given, SAMWIDGET_THREADS or all cores.")
]

ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite the input, if the output has its name.")]

_FIRST_NOTEBOOK = "01_first_mask.ipynb"
_NO_NEWS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="The folder to copy the notebooks to.")] = Path("samwidget-demo"),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Install a missing JupyterLab without asking.")] = False,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open the first notebook in JupyterLab."""
    source = _notebooks()
    if source.parent == Path(__file__).parent:
        # An installed package: copy to a folder that the user may write to.
        with _writing(folder):
            _copy_missing(source, folder)
    else:
        folder = source
    _require_jupyterlab(yes)
    typer.echo(f"Opening {folder / _FIRST_NOTEBOOK}; stop with Ctrl-C")
    # With this option also the address that JupyterLab prints leads to the notebook.
    command = [sys.executable, "-m", "jupyterlab", f"--LabApp.default_url=/lab/tree/{_FIRST_NOTEBOOK}"]
    command.append(f"--ServerApp.root_dir={folder.resolve()}")
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with tempfile.TemporaryDirectory() as settings:
        # JupyterLab's question about news lies on the notebook otherwise, and it asks the network for updates.
        Path(settings, "overrides.json").write_text(json.dumps(_NO_NEWS), encoding="utf-8")
        command.append(f"--LabApp.app_settings_dir={settings}")
        raise typer.Exit(subprocess.call(command))


@app.command()
def lessons(
    folder: Annotated[Path, typer.Argument(help="The folder to copy the lessons to.")] = Path("samwidget-lessons"),
) -> None:
    """Copy the lessons, with their photos, to a folder. Files that are there stay."""
    source = _notebooks()
    with _writing(folder):
        copied = _copy_missing(source, folder, "lessons", "photos")
    first, *others = sorted((folder / "lessons").glob("*.ipynb"))
    typer.echo(f"{folder}: {1 + len(others)} lessons, {copied} file{'s' * (copied != 1)} copied; begin with {first}")


@app.command()
def segment(
    image: Annotated[str, typer.Argument(help="A file or an http(s) address.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The mask, of the image's size: .png, 0 and 255; or .npy, bool.")
    ],
    point: Annotated[list[str] | None, typer.Option(help="A point to include: x,y in pixels. Repeatable.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A point to exclude: x,y in pixels. Repeatable.")] = None,
    box: Annotated[str | None, typer.Option(help="A box around the object: x0,y0,x1,y1 in pixels.")] = None,
    model: ModelOption = None,
    threads: ThreadsOption = None,
    candidate: Annotated[
        int | None,
        typer.Option(min=1, max=3, help="Write this candidate of the three, not the one with the best score."),
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help="The values that become black and white: low,high, or minmax, or percentile.")
    ] = None,
    frame: Annotated[int | None, typer.Option(min=0, help="The page or frame of the file, from 0.")] = None,
    exif: Annotated[
        str, typer.Option(help="auto or apply: turn the image as its EXIF tag says. ignore: do not.")
    ] = "auto",
    force: ForceOption = False,
) -> None:
    """Write the mask of one object of an image."""
    from typing import cast

    from samwidget.images import Exif, Scale
    from samwidget.predict import SamPredictor

    included = [_numbers(text, 2, "--point") for text in point or []]
    excluded = [_numbers(text, 2, "--exclude") for text in exclude or []]
    if not included and not excluded and box is None:
        raise PromptError("there is no prompt", hint="give --point x,y or --box x0,y0,x1,y1")
    encode = _mask_encoder(output)
    _require_folder(output)
    _keep_input(output, image, force)
    predictor = SamPredictor.from_pretrained(model, threads=threads)
    # set_image raises ImageError for any other text.
    range_or_rule = cast("Scale", scale.split(",") if scale is not None and "," in scale else scale)
    predictor.set_image(image, scale=range_or_rule, frame=frame, exif=cast("Exif", exif))
    masks, scores, _ = predictor.predict(
        point_coords=included + excluded or None,
        point_labels=[1] * len(included) + [0] * len(excluded) or None,
        box=None if box is None else _numbers(box, 4, "--box"),
    )
    chosen = int(scores.argmax()) if candidate is None else candidate - 1
    with _writing(output):
        output.write_bytes(encode(masks[chosen]))
    pixels = int(masks[chosen].sum())
    typer.echo(f"{output}: {pixels} pixels, score {scores[chosen]:.2f}, candidate {chosen + 1} of {len(scores)}")


@app.command()
def embed(
    folder: Annotated[Path, typer.Argument(help="A folder of images.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder for the embeddings; FOLDER/embeddings by default.")
    ] = None,
    model: ModelOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Encode the images of a folder ahead, so that a first click need not wait for the encoder."""
    from samwidget.batch import image_suffixes
    from samwidget.predict import SamPredictor

    if not folder.is_dir():
        raise SamWidgetError(f"there is no folder {folder}", hint="give the folder of the photos")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in image_suffixes())
    if not paths:
        raise SamWidgetError(f"the folder {folder} has no images", hint="folders inside it are not searched")
    target = folder / "embeddings" if output is None else output
    with _writing(target):
        target.mkdir(parents=True, exist_ok=True)
    predictor = SamPredictor.from_pretrained(model, threads=threads, cache_folder=target)
    failed = 0
    for path in paths:
        try:
            predictor.embed(path)
        except ImageError as error:  # the other images can be encoded
            failed += 1
            typer.echo(f"samwidget: {error}", err=True)
    typer.echo(
        f"{target}: embeddings of {len(paths) - failed} image{'s' * (len(paths) - failed != 1)} by {predictor.name},"
        f" {predictor.encodes} of them new"
    )
    if failed:
        raise typer.Exit(1)


@app.command()
def page(
    image: Annotated[str, typer.Argument(help="A file or an http(s) address.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A folder for any web server; or a file, whose name ends in .html.")
    ],
    title: Annotated[str, typer.Option(help="Title of the page; the name of the image if not given.")] = "",
    frame: Annotated[int | None, typer.Option(min=0, help="The page or frame of the file, from 0.")] = None,
) -> None:
    """Write a page with the widget for an image: the model runs in the browser, without Python."""
    from samwidget.images import load_rgb
    from samwidget.page import write_page

    _require_folder(output)
    pixels = load_rgb(image, frame=frame)
    with _writing(output):
        size = write_page(pixels, output, name=Path(image).name, title=title)
    opened = "open it in a browser" if output.is_file() else "put the folder on a web server"
    typer.echo(f"{output}: {size / 1e6:.1f} MB; {opened}")


@app.command()
def score(
    request: Annotated[str, typer.Argument(help="A file that holds a request as JSON; - reads standard input.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file for the response; standard output if not given.")
    ] = None,
    style: Annotated[
        str, typer.Option(help="card: as the model card documents it. service: as deployed endpoints answer.")
    ] = "card",
    model: ModelOption = None,
    threads: ThreadsOption = None,
    force: ForceOption = False,
) -> None:
    """Answer a documented mask-generation request."""
    from typing import cast

    from samwidget.formats.azure_ml import Style
    from samwidget.predict import SamPredictor
    from samwidget.serving import score as score_request

    if output is not None:
        _require_folder(output)
        _keep_input(output, request, force)
    body = _read(request)
    predictor = None if model is None and threads is None else SamPredictor.from_pretrained(model, threads=threads)
    rows = score_request(body, predictor, cast("Style", style))  # it raises FormatError for any other text
    if output is None:
        typer.echo(json.dumps(rows))
    else:
        with _writing(output):
            output.write_text(json.dumps(rows), encoding="utf-8")
        typer.echo(f"{output}: {len(rows)} row{'s' * (len(rows) != 1)}")


@app.command()
def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="A documented CSV, or a folder of them; a folder of images, or a 'pattern'."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .csv, .parquet or .json (COCO) file; or a folder.", metavar="OUT")
    ],
    config: Annotated[
        Path | None, typer.Option(help="YAML of an Azure ML batch deployment; options of this command take precedence.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes with a model; more than 1 need Ray.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each worker; if not given, workers share the cores.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="A Ray cluster: ray://head:10001, or auto.")] = None,
    model: ModelOption = None,
    everything: Annotated[bool, typer.Option("--everything", help="Find all objects of each image.")] = False,
    prompts: Annotated[
        str | None, typer.Option(help="A CSV of prompts; its column `image` holds names of files in INPUT.")
    ] = None,
    prompt_column: Annotated[
        str | None, typer.Option(help="The column that holds prompts as JSON, instead of the documented columns.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="If OUT is a folder: csv, parquet, png or coco.")
    ] = None,
    style: Annotated[
        str, typer.Option(help="How CSVs are read and written. service: as Azure's endpoints do. card: as documented.")
    ] = "service",
    polygons: Annotated[bool, typer.Option("--polygons", help="In COCO: polygons instead of run lengths.")] = False,
    max_errors: Annotated[int | None, typer.Option(min=0, help="Stop when more rows than this have failed.")] = None,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="Try the rows again that have failed.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again and overwrite, instead of continuing.")] = False,
) -> None:
    """Segment the images of a table or a folder. The same command continues a run that was stopped."""
    from typing import cast

    from samwidget.batch import Job, choose_result, run_batch
    from samwidget.formats.azure_ml import BatchDeployment, Style, model_here, read_batch_deployment
    from samwidget.models import MODELS

    deployment = BatchDeployment() if config is None else read_batch_deployment(config)
    if deployment.ignored:
        typer.echo(f"{config}: ignored here: {', '.join(deployment.ignored)}", err=True)
    result, chosen = choose_result(output, format_, deployment.file_name)
    chunk_options = {"mini_batch_size": deployment.mini_batch_size, "retries": deployment.retries}
    job = Job(
        source,
        result,
        chosen,
        model=model or model_here(deployment.model, [card.name for card in MODELS]),
        everything=everything,
        prompts=prompts,
        prompt_column=prompt_column,
        style=cast("Style", style),  # it raises FormatError for any other text
        polygons=polygons,
        **{name: value for name, value in chunk_options.items() if value is not None},
    )
    try:
        summary = run_batch(
            job,
            workers=workers or deployment.workers or 1,
            address=address,
            max_errors=deployment.max_errors if max_errors is None else max_errors,
            fresh=fresh,
            retry_errors=retry_errors,
            threads=threads,
        )
    except KeyboardInterrupt:  # Ctrl-C, or SIGTERM
        typer.echo("\nstopped; the same command continues", err=True)
        raise typer.Exit(130) from None
    before = f", {summary.rows_before} of them before" if summary.rows_before else ""
    failed = f"; {summary.errors} have no answer, and say why" if summary.errors else ""
    typer.echo(f"{summary.result}: {summary.rows} row{'s' * (summary.rows != 1)}{before}{failed}")
    if summary.errors == summary.rows:  # then the cause is probably not in the rows
        raise typer.Exit(1)


@app.command()
def serve(
    config: Annotated[
        Path | None,
        typer.Option(help="YAML of an Azure ML online deployment; unused settings are listed at the start."),
    ] = None,
    model: ModelOption = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; with 0.0.0.0 other machines can reach the server.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 chooses a free port.")] = 5001,
    no_key: Annotated[
        bool, typer.Option("--no-key", help="Accept requests without a key, from every program on this machine.")
    ] = False,
    open_to_anyone: Annotated[
        bool, typer.Option("--open-to-anyone", help="With --no-key: accept them from other machines, too.")
    ] = False,
    image_host: Annotated[
        list[str] | None,
        typer.Option(help="Allow image URLs of this host: example.org or *.example.org. Repeatable."),
    ] = None,
    waiting: Annotated[int, typer.Option(min=0, help="Limit for waiting requests; others get status 503.")] = 32,
    megabytes: Annotated[int, typer.Option(min=1, help="Limit for a request.")] = 32,
    megapixels: Annotated[int, typer.Option(min=1, max=178, help="Limit for an image.")] = 50,
    rows: Annotated[int, typer.Option(min=1, help="Limit for a request.")] = 64,
    upload_seconds: Annotated[int, typer.Option(min=1, help="Limit for sending a request.")] = 30,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of all copies of the model; if not given, all cores.")
    ] = None,
) -> None:
    """Answer documented requests over HTTP, until Ctrl-C."""
    _require_serve()
    from samwidget.formats.azure_ml import Deployment, model_here, read_deployment
    from samwidget.models import MODELS
    from samwidget.predict import SamPredictor
    from samwidget.serving import Limits, choose_key, listen, open_service, run_server

    key, is_new = choose_key(host, no_key=no_key, open_to_anyone=open_to_anyone)
    deployment = Deployment() if config is None else read_deployment(config)
    if deployment.ignored:
        typer.echo(f"{config}: ignored here: {', '.join(deployment.ignored)}")
    chosen = model or model_here(deployment.model, [card.name for card in MODELS])
    timeout_s = (deployment.request_timeout_ms or 60_000) / 1000
    listener = listen(host, port)
    service = open_service(
        lambda share: SamPredictor.from_pretrained(chosen, threads=share),
        deployment,
        threads=threads,
        key=key,
        own_hosts=None if open_to_anyone else ("localhost",),
        waiting_max=waiting,
        limits=Limits(
            body_bytes=megabytes << 20,
            pixels=megapixels * 1_000_000,
            rows=rows,
            upload_s=upload_seconds,
            timeout_s=timeout_s,
        ),
        image_hosts=image_host or (),
    )

    def announce() -> None:
        predictor = service.predictors[0]
        url_host = f"[{host}]" if ":" in host else host
        typer.echo(f"{deployment.name or 'samwidget'}: {predictor.name} on {predictor.device}")
        if is_new:
            typer.echo(f"key: {key} (for this run; set SAMWIDGET_KEY to choose one)")
        elif key is None:
            typer.echo("no key is asked for")
        typer.echo(f"listening at http://{url_host}:{listener.getsockname()[1]}, described at /docs; stop with Ctrl-C")

    run_server(service, listener, announce)


@app.command()
def models() -> None:
    """List the models, and whether each is on this machine."""
    from samwidget.models import MODELS, is_here

    rows = [("NAME", "SIZE", "LICENCE", "HERE")]
    rows += [(card.name, f"{card.size_mb:g} MB", card.licence, "yes" if is_here(card) else "no") for card in MODELS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command()
def version() -> None:
    """Print the version."""
    from samwidget import __version__

    typer.echo(__version__)


def main() -> None:
    """Run the command line. An error that the user can mend is printed in one line, with exit code 1."""
    warnings.showwarning = _print_warning
    try:
        app()
    except SamWidgetError as error:
        typer.echo(f"samwidget: {error}", err=True)
        raise SystemExit(1) from error


def _print_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Prints a warning in one line, without the line of Python that it came from."""
    name = "samwidget" if issubclass(category, SamWidgetWarning) else category.__name__
    typer.echo(f"{name}: {message}", err=True)


def _notebooks() -> Path:
    """The folder of the notebooks: inside an installed package, or beside it in a clone of the repository."""
    here = Path(__file__).parent
    for folder in (here / "notebooks", here.parent / "notebooks"):
        if (folder / _FIRST_NOTEBOOK).is_file():
            return folder
    raise SamWidgetError("the demo notebooks are missing", hint="install samwidget again")


def _copy_missing(source: Path, folder: Path, *parts: str) -> int:
    """Copies a folder, or parts of it, and returns the number of files; those that are there belong to the user."""
    copied = 0
    for part in parts or (".",):
        for file in sorted((source / part).rglob("*")):
            target = folder / file.relative_to(source)
            if file.is_file() and not target.exists() and ".ipynb_checkpoints" not in file.parts:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
                copied += 1
    return copied


def _require_jupyterlab(yes: bool) -> None:
    if importlib.util.find_spec("jupyterlab"):
        return
    if yes or (sys.stdin.isatty() and typer.confirm("JupyterLab is not installed. Install it now?", default=True)):
        subprocess.run([sys.executable, "-m", "pip", "install", "jupyterlab"], check=True)
        return
    raise SamWidgetError(
        "JupyterLab is not installed", hint="run pip install 'samwidget[demo]', or samwidget demo --yes"
    )


def _require_serve() -> None:
    missing = [
        name
        for name in ("fastapi", "prometheus_client", "starlette", "uvicorn", "yaml")
        if not importlib.util.find_spec(name)
    ]
    if missing:
        raise SamWidgetError(f"samwidget serve needs {', '.join(missing)}", hint="run pip install 'samwidget[serve]'")


def _require_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise SamWidgetError(f"the folder {output.parent} does not exist", hint="create it, or choose another --output")


def _keep_input(output: Path, source: str, force: bool) -> None:
    """Raises SamWidgetError where the output would replace the input."""
    path = Path(source).expanduser()
    if not force and output.exists() and path.exists() and output.samefile(path):
        raise SamWidgetError(f"{output} is the input", hint="choose another --output, or overwrite it with --force")


def _mask_encoder(output: Path) -> Callable[[Any], bytes]:
    """What makes the bytes of a mask for the ending of the output; no ending is PNG."""
    suffix = output.suffix.lower()
    if suffix in ("", ".png"):
        from samwidget.images import encode_png

        return encode_png
    if suffix == ".npy":
        import numpy as np

        def encode_npy(mask: Any) -> bytes:
            buffer = io.BytesIO()
            np.save(buffer, mask)
            return buffer.getvalue()

        return encode_npy
    raise SamWidgetError(f"a mask is not written as {suffix}", hint="end the name of --output in .png or .npy")


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    """Raises SamWidgetError, which names the output, in place of an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise SamWidgetError(f"{output} cannot be written", hint=error.strerror or str(error)) from error


def _read(path: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``."""
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SamWidgetError(f"{path} cannot be read", hint=error.strerror or str(error)) from error


def _numbers(text: str, count: int, option: str) -> list[float]:
    """``count`` numbers separated by commas; raises PromptError, which names the option, for any other text."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        form = "x,y" if count == 2 else "x0,y0,x1,y1"
        raise PromptError(f"{option} is {text!r}", hint=f"write {form}, in pixels")
    return numbers
