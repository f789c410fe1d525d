"""The server of the page: who may ask, and what is answered."""

import asyncio
import contextlib
import hashlib
import ipaddress
import json
import os
import shutil
import socket
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from s2f.model.networks.weights import GENERATOR, NEWEST, PRETRAINED
from s2f.model.training.samples import sample_path
from s2f.pipeline.app.studio import animation, films, runs, work
from s2f.pipeline.app.studio.clips import Sets
from s2f.pipeline.app.studio.folder import Folder
from s2f.pipeline.app.studio.sessions import KEPT, Limits, Session, Sessions, receive, too_large
from s2f.pipeline.app.studio.work import Lane, Work
from s2f.pipeline.core.errors import InputError, S2fError
from s2f.pipeline.core.files import as_text
from s2f.pipeline.core.html import rendering
from s2f.pipeline.core.progress import duration

COOKIE = "s2f-studio"
# Seconds that an animation and a film of a clip may take, and between two looks for files to be deleted.
ANIMATION_LIMIT, FILM_LIMIT, SWEEP = 600.0, 120.0, 30.0
# Films of clips that are kept.
MOST_FILMS = 40
# Letters of a text that is to be spoken, and bytes of a request that is no file.
LONGEST_TEXT, LONGEST_REQUEST = 2000, 20_000
KINDS = ("photo", "speech")
# What browsers may do with the answers.
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Studio:
    """The page on a folder. `temporary` takes all files that are made; it is the caller's to delete."""

    def __init__(self, folder: Folder, limits: Limits, host: str, temporary: Path) -> None:
        self._folder, self._limits, self._temporary = folder, limits, temporary
        self._sets = Sets(folder)
        self._sessions = Sessions(temporary)
        self._animations, self._filming = Lane(), Lane()
        self._films: OrderedDict[str, Path] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/files/{kind}", self._take, methods=["PUT"]),
                Route("/animation", self._told, methods=["GET"]),
                Route("/animation", self._animate, methods=["POST"]),
                Route("/animation", self._stop, methods=["DELETE"]),
                Route(f"/{animation.VIDEO}", self._video),
                Route("/folder", self._contents),
                Route("/run", self._run),
                Route("/sample", self._sample),
                Route("/set", self._set),
                Route("/clip", self._clip),
                Route("/film", self._film),
            ],
            middleware=[Middleware(Guard, host=host)],
            exception_handlers={S2fError: _refused},  # type: ignore[dict-item]
            lifespan=self._living,
        )

    @contextlib.asynccontextmanager
    async def _living(self, app: Starlette) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            self._sessions.stop()
            for each in self._animations.queue + self._filming.queue:
                each.stop()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self._sessions.sweep()

    def _page(self, request: Request) -> Response:
        page = rendering.render(
            __name__,
            "studio.html",
            root=str(self._folder.root),
            upload_mb=f"{self._limits.upload / 1e6:g}",
            speech_seconds=f"{self._limits.speech:g}",
            upload=self._limits.upload,
            kept=f"{KEPT / 60:g}",
            letters=LONGEST_TEXT,
            version=version("s2f"),
        )
        return HTMLResponse(page)

    # Animation: files come first, then the order; the page asks how far it is.

    async def _take(self, request: Request) -> Response:
        kind, name = request.path_params["kind"], unquote(request.headers.get("x-name", ""))
        if kind not in KINDS:
            return Response(status_code=404)
        response = Response(status_code=204)
        session = self._session(request, response)
        target = session.place(kind, name)
        if int(request.headers.get("content-length", "0")) > self._limits.upload:
            raise too_large(target.name, self._limits)
        try:
            await receive(request.stream(), target, self._limits)
        except ClientDisconnect:
            session.delete(kind)
        return response

    async def _animate(self, request: Request) -> Response:
        told = await _json(request)
        response = JSONResponse({}, status_code=202)
        session = self._session(request, response)
        order = self._order(told, session)
        if session.work:
            session.work.stop()
        (session.folder / animation.VIDEO).unlink(missing_ok=True)
        session.work = Work(animation.animate, order, session.folder, ANIMATION_LIMIT)
        task = asyncio.create_task(self._animated(session, session.work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return response

    def _order(self, told: dict[str, Any], session: Session) -> animation.Order:
        text, run = str(told.get("text") or "").strip(), str(told.get("run") or "")
        if "photo" not in session.files:
            raise InputError("there is no photo", "choose one, or take one with the camera")
        if not text and "speech" not in session.files:
            raise InputError("there is no speech", "choose a sound, record one, or type what is to be said")
        if len(text) > LONGEST_TEXT:
            raise InputError(f"the text has more than {LONGEST_TEXT:,} letters", "give a shorter one")
        return animation.Order(
            run=self._folder.run(run) if run else PRETRAINED,
            photo=session.files["photo"],
            speech=session.files.get("speech", ""),
            text=text,
            aligned=bool(told.get("aligned")),
            seed=int(told.get("seed") or 0) % 2**31,
            longest=self._limits.speech,
        )

    async def _animated(self, session: Session, ordered: Work) -> None:
        await self._animations.run(ordered)
        # What was sent is not needed any more, unless the page has sent it again since.
        if session.work is ordered:
            for kind in KINDS:
                session.delete(kind)
            (session.folder / animation.SPOKEN).unlink(missing_ok=True)

    def _told(self, request: Request) -> Response:
        session = self._known(request)
        ordered = session.work if session else None
        if not ordered:
            return JSONResponse({"state": "none"})
        queue = self._animations.queue
        return JSONResponse(
            {
                "state": ordered.state,
                "ahead": queue.index(ordered) if ordered in queue else 0,
                "done": ordered.done,
                "total": ordered.total,
                "left": duration(ordered.left) if ordered.left is not None else "",
                "message": ordered.message,
                "hint": ordered.hint,
                "notes": ordered.notes,
                "seconds": ordered.result.seconds if ordered.state == "done" else 0,
                "frames": ordered.result.frames if ordered.state == "done" else 0,
            }
        )

    def _stop(self, request: Request) -> Response:
        session = self._known(request)
        if session and session.work:
            session.work.stop()
        return Response(status_code=204)

    def _video(self, request: Request) -> Response:
        session = self._known(request)
        video = session.folder / animation.VIDEO if session else None
        if not video or not video.is_file():
            raise InputError("the video is not kept any more", "make it again")
        return FileResponse(
            video, media_type="video/mp4", filename=animation.VIDEO, content_disposition_type="inline"
        )

    # Trainings and prepared sets.

    def _contents(self, request: Request) -> Response:
        found = self._folder.runs()
        generators = [
            name
            for name, kind in found.items()
            if kind == "generator"
            and any((self._folder.root / name / weights).is_file() for weights in (GENERATOR.weights, NEWEST))
        ]
        return JSONResponse({"runs": found, "generators": generators, "sets": self._folder.sets()})

    def _run(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        run = self._folder.run(name)
        if request.query_params.get("known") == runs.state(run):
            return Response(status_code=204)
        return _as_json(runs.view(run, name, self._folder.kind(run)))

    def _sample(self, request: Request) -> Response:
        run, step = (
            self._folder.run(request.query_params.get("name", "")),
            request.query_params.get("step", ""),
        )
        ending = "mp4" if request.query_params.get("ending") == "mp4" else "png"
        sample = sample_path(run, int(step) if step.isdecimal() else 0, ending)
        if not (sample.is_file() and self._folder.holds(sample)):
            return Response(status_code=404)
        return FileResponse(sample)

    def _set(self, request: Request) -> Response:
        return _as_json(self._sets.get(request.query_params.get("name", "")).listing())

    def _clip(self, request: Request) -> Response:
        clips = self._sets.get(request.query_params.get("set", ""))
        return _as_json(clips.view(request.query_params.get("id", "")))

    async def _film(self, request: Request) -> Response:
        name, clip_id = (request.query_params.get(each, "") for each in ("set", "id"))
        clips = await run_in_threadpool(self._sets.get, name)
        clip = await run_in_threadpool(clips.film, clip_id)
        if not clip:
            raise InputError("there is nothing to play of this clip", "see its stages below")
        key = hashlib.sha256(repr(clip).encode()).hexdigest()
        if key not in self._films:
            folder = Path(tempfile.mkdtemp(dir=self._temporary))
            try:
                await self._made(Work(films.write, clip, folder, FILM_LIMIT), request)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._films[key] = folder
            while len(self._films) > MOST_FILMS:
                shutil.rmtree(self._films.popitem(last=False)[1], ignore_errors=True)
        return FileResponse(self._films[key] / films.FILM, media_type="video/mp4")

    async def _made(self, film: Work, request: Request) -> None:
        """Do a work as long as the one who asked for it waits. Raises InputError."""
        doing = asyncio.create_task(self._filming.run(film))
        while not doing.done():
            await asyncio.wait([doing], timeout=0.2)
            if await request.is_disconnected():
                film.stop()
        await doing
        if film.state != "done":
            raise InputError(film.message or "nobody waits for it any more", film.hint)

    def _known(self, request: Request) -> Session | None:
        return self._sessions.get(request.cookies.get(_cookie(request)))

    def _session(self, request: Request, response: Response) -> Session:
        """The session of a browser; a new one is told to it by the response."""
        session = self._known(request)
        if not session:
            secret, session = self._sessions.begin()
            response.set_cookie(_cookie(request), secret, httponly=True, samesite="strict")
        return session


class Guard:
    """Lets in only what the page itself asks for: other pages that are open in the browser cannot."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(urlsplit(f"//{host}").hostname or ""):
            refused = _error(
                "this studio is not known under that name", "use the address that it printed", 403
            )
            await refused(scope, receive, send_with_headers)
        elif scope["method"] != "GET" and urlsplit(headers.get("origin", f"//{host}")).netloc != host:
            refused = _error("another page asks for this", "use the studio's own page", 403)
            await refused(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _is_ours(self, host: str) -> bool:
        """Names of others may be made to lead here, which no address can."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host.lower() in ("localhost", self._host.lower(), socket.gethostname().lower())
        return True


def serve(root: Path, host: str, port: int, limits: Limits, tell: Callable[[str], object]) -> None:
    """Serve the page until Ctrl-C. Raises InputError where it cannot be."""
    folder = Folder(root)
    # Before the processes that animate load torch: threads that spin take the processors from others.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with _listening(host, port) as listening, tempfile.TemporaryDirectory(prefix="s2f-studio-") as temporary:
        address = listening.getsockname()
        named = f"[{address[0]}]" if ":" in address[0] else address[0]
        tell(f"the studio on {folder.root}: http://{named}:{address[1]} (Ctrl-C ends it)")
        work.prepare()
        studio = Studio(folder, limits, host, Path(temporary))
        config = uvicorn.Config(
            studio.app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=1
        )
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be listened to: {error.strerror}", "give another --port, or --host"
        ) from error


async def _json(request: Request) -> dict[str, Any]:
    """The body of a request as JSON. Raises InputError."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_REQUEST:
            raise InputError("the request is too long", f"the text may have {LONGEST_TEXT:,} letters")
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise InputError("the request is no JSON", "load the page again")
    return told


def _as_json(value: object) -> Response:
    """Charts too."""
    return Response(rendering.as_json(value), media_type="application/json")


def _refused(request: Request, error: S2fError) -> Response:
    return _error(as_text(error.message), as_text(error.hint), 422)


def _error(message: str, hint: str, status: int) -> Response:
    return JSONResponse({"message": message, "hint": hint}, status_code=status)


def _cookie(request: Request) -> str:
    """Browsers keep cookies by host alone: two studios on one machine differ in their port."""
    return f"{COOKIE}-{request.url.port or 80}"
