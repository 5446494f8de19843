"""The command ``samwidget``: each sub-command is one function that calls the library and prints what it did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from samwidget.errors import PromptError, SamWidgetError

app = typer.Typer(
    name="samwidget",
    help="Click a photo in a notebook, get its masks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_FIRST_NOTEBOOK = "01_first_mask.ipynb"


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the notebooks are copied to.")] = Path("samwidget-demo"),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Install JupyterLab without asking where it is missing.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the demo notebook."""
    source = _notebooks()
    if source.parent == Path(__file__).parent:
        # Installed: the notebooks are copied to where the user may write; what is there already is the user's.
        for file in sorted(source.rglob("*")):
            target = folder / file.relative_to(source)
            if file.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
    else:
        folder = source
    _require_jupyterlab(yes)
    typer.echo(f"Opening {folder / _FIRST_NOTEBOOK}; stop with Ctrl-C")
    # The address that JupyterLab prints, for those who open it by hand, leads to the notebook as well.
    command = [sys.executable, "-m", "jupyterlab", f"--LabApp.default_url=/lab/tree/{_FIRST_NOTEBOOK}"]
    command.append(f"--ServerApp.root_dir={folder.resolve()}")
    if not browser:
        command.append("--no-browser")
    if _is_root():
        command.append("--allow-root")
    raise typer.Exit(subprocess.call(command))


@app.command()
def segment(
    image: Annotated[str, typer.Argument(help="A file or an http(s) address.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The mask as a PNG, 0 and 255, of the image's size.")],
    point: Annotated[Optional[list[str]], typer.Option(help="Include this point: x,y in pixels. Repeat.")] = None,  # noqa: UP045
    exclude: Annotated[Optional[list[str]], typer.Option(help="Exclude this point: x,y in pixels. Repeat.")] = None,  # noqa: UP045
    box: Annotated[Optional[str], typer.Option(help="x0,y0,x1,y1 in pixels.")] = None,  # noqa: UP045
    model: Annotated[Optional[str], typer.Option(help="A name of `samwidget models`, a hub id or a folder.")] = None,  # noqa: UP045
    candidate: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, max=3, help="Take this one of the three masks, and not the best."),
    ] = None,
) -> None:
    """Write the mask of one object in one image."""
    from samwidget.images import encode_png
    from samwidget.predict import SamPredictor

    include, outside = (
        [_numbers(p, 2, "--point") for p in point or []],
        [_numbers(p, 2, "--exclude") for p in exclude or []],
    )
    if not include and not outside and box is None:
        raise PromptError("nothing says which object is meant", hint="give --point x,y or --box x0,y0,x1,y1")
    _require_folder(output)
    predictor = SamPredictor.from_pretrained(model)
    predictor.set_image(image)
    masks, scores, _ = predictor.predict(
        point_coords=include + outside or None,
        point_labels=[1] * len(include) + [0] * len(outside) or None,
        box=None if box is None else _numbers(box, 4, "--box"),
    )
    chosen = int(scores.argmax()) if candidate is None else candidate - 1
    output.write_bytes(encode_png(masks[chosen]))
    pixels = int(masks[chosen].sum())
    typer.echo(f"{output}: {pixels} pixels, score {scores[chosen]:.2f}, candidate {chosen + 1} of {len(scores)}")


@app.command()
def score(
    request: Annotated[str, typer.Argument(help="A file with a request as JSON, or - for standard input.")],
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Where the response is written; standard output where it is left out."),
    ] = None,
    style: Annotated[str, typer.Option(help="card as the model card has it, service as endpoints answer.")] = "card",
    model: Annotated[Optional[str], typer.Option(help="A name of `samwidget models`, a hub id or a folder.")] = None,  # noqa: UP045
) -> None:
    """Answer a documented mask-generation request."""
    import json
    from typing import cast

    from samwidget.formats.azure_ml import Style
    from samwidget.predict import SamPredictor
    from samwidget.serving import score as score_request

    if output is not None:
        _require_folder(output)
    asked = _read(request)
    predictor = None if model is None else SamPredictor.from_pretrained(model)
    rows = score_request(asked, predictor, cast("Style", style))  # refuses other styles
    if output is None:
        typer.echo(json.dumps(rows))
    else:
        output.write_text(json.dumps(rows), encoding="utf-8")
        typer.echo(f"{output}: {len(rows)} row{'s' * (len(rows) != 1)}")


@app.command()
def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="A documented CSV or a folder of them; or a folder or 'pattern' of images."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .csv, .parquet or .json (COCO) file; or a folder.", metavar="OUT")
    ],
    config: Annotated[Optional[Path], typer.Option(help="A deployment YAML; options given here come first.")] = None,  # noqa: UP045
    workers: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Processes with a network; more than 1 need Ray."),
    ] = None,
    address: Annotated[Optional[str], typer.Option(help="Of a Ray cluster: ray://head:10001, or auto.")] = None,  # noqa: UP045
    model: Annotated[Optional[str], typer.Option(help="A name of `samwidget models`, a hub id or a folder.")] = None,  # noqa: UP045
    everything: Annotated[bool, typer.Option("--everything", help="Find all objects of each image.")] = False,
    prompts: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="A CSV of prompts; its column image names files of INPUT."),
    ] = None,
    prompt_column: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="The column with prompts as JSON, in place of the documented columns."),
    ] = None,
    format_: Annotated[Optional[str], typer.Option("--format", help="csv, parquet, png or coco, for a folder.")] = None,  # noqa: UP045
    max_errors: Annotated[Optional[int], typer.Option(min=0, help="Stop above so many rows without an answer.")] = None,  # noqa: UP045
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier run did, and overwrite.")] = False,
) -> None:
    """Answer a table or a folder of images; the same command goes on after a stop."""
    from samwidget.batch import Job, choose_result, run_batch
    from samwidget.formats.azure_ml import BatchDeployment, model_here, read_batch_deployment
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
        **{name: value for name, value in chunk_options.items() if value is not None},
    )
    summary = run_batch(
        job,
        workers=workers or deployment.workers or 1,
        address=address,
        max_errors=deployment.max_errors if max_errors is None else max_errors,
        fresh=fresh,
    )
    before = f", {summary.rows_before} of them before" if summary.rows_before else ""
    wrong = f"; {summary.errors} have no answer, and say why" if summary.errors else ""
    typer.echo(f"{summary.result}: {summary.rows} row{'s' * (summary.rows != 1)}{before}{wrong}")
    if summary.errors == summary.rows:  # then the cause is probably not in the rows
        raise typer.Exit(1)


@app.command()
def serve(
    config: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="YAML of an Azure ML online deployment; what means nothing here is named at the start."),
    ] = None,
    model: Annotated[Optional[str], typer.Option(help="A name of `samwidget models`, a hub id or a folder.")] = None,  # noqa: UP045
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is reached by other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 5001,
    no_key: Annotated[bool, typer.Option("--no-key", help="Let every program on this machine ask.")] = False,
    open_to_anyone: Annotated[
        bool, typer.Option("--open-to-anyone", help="With --no-key: let other machines ask, too.")
    ] = False,
    image_host: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Fetch images from this host: example.org or *.example.org. Repeat. None otherwise."),
    ] = None,
    waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait; more are answered 503.")] = 32,
    megabytes: Annotated[int, typer.Option(min=1, help="Of one request.")] = 32,
    megapixels: Annotated[int, typer.Option(min=1, max=178, help="Of one image.")] = 50,
    rows: Annotated[int, typer.Option(min=1, help="Of one request.")] = 64,
) -> None:
    """Answer documented requests over HTTP."""
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
        lambda: SamPredictor.from_pretrained(chosen),
        deployment,
        key=key,
        own_hosts=None if open_to_anyone else ("localhost",),
        waiting_max=waiting,
        limits=Limits(body_bytes=megabytes << 20, pixels=megapixels * 1_000_000, rows=rows, timeout_s=timeout_s),
        image_hosts=image_host or (),
    )

    def tell() -> None:
        network = service.predictors[0]
        where = f"[{host}]" if ":" in host else host
        typer.echo(f"{deployment.name or 'samwidget'}: {network.name} on {network.device}")
        if is_new:
            typer.echo(f"key: {key} (for this run; set SAMWIDGET_KEY to choose one)")
        elif key is None:
            typer.echo("no key is asked for")
        typer.echo(f"listening at http://{where}:{listener.getsockname()[1]}, described at /docs; stop with Ctrl-C")

    run_server(service, listener, tell)


@app.command()
def models() -> None:
    """List the networks, and whether they are here."""
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
    """Run the command line; errors that the user can mend end with one line and exit code 1."""
    try:
        app()
    except SamWidgetError as error:
        typer.echo(f"samwidget: {error}", err=True)
        raise SystemExit(1) from error


def _notebooks() -> Path:
    """The folder of notebooks: inside an installed package, or beside it in a checkout."""
    here = Path(__file__).parent
    for folder in (here / "notebooks", here.parent / "notebooks"):
        if (folder / _FIRST_NOTEBOOK).is_file():
            return folder
    raise SamWidgetError("the demo notebooks are missing", hint="install samwidget again")


def _require_jupyterlab(yes: bool) -> None:
    from importlib.util import find_spec

    if find_spec("jupyterlab"):
        return
    if yes or (sys.stdin.isatty() and typer.confirm("JupyterLab is not installed here. Install it now?", default=True)):
        subprocess.run([sys.executable, "-m", "pip", "install", "jupyterlab"], check=True)
        return
    raise SamWidgetError(
        "JupyterLab is not installed here", hint="pip install 'samwidget[demo]', or samwidget demo --yes"
    )


def _require_serve() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("fastapi", "uvicorn", "prometheus_client") if not find_spec(name)]
    if missing:
        raise SamWidgetError(f"{', '.join(missing)} not installed here", hint="pip install 'samwidget[serve]'")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _require_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise SamWidgetError(f"the folder {output.parent} is not there", hint="make it first, or write elsewhere")


def _read(path: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``."""
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SamWidgetError(f"{path} cannot be read", hint=error.strerror or str(error)) from error


def _numbers(text: str, count: int, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        form = "x,y" if count == 2 else "x0,y0,x1,y1"
        raise PromptError(f"{option} is {text!r}", hint=f"write {form}, in pixels")
    return numbers
