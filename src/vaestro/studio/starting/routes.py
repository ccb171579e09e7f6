"""Where the page asks about starting."""

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from vaestro.studio.answers import acting, answering, asked
from vaestro.studio.starting import running
from vaestro.studio.starting.forecast import forecast
from vaestro.studio.starting.form import form
from vaestro.studio.studio import Studio


def _form(studio: Studio, request: Request) -> dict[str, Any]:
    return studio.kept(_made_form)


def _made_form(studio: Studio) -> dict[str, Any]:
    return form()


def _recipes(studio: Studio, request: Request) -> dict[str, Any]:
    from vaestro.experiments.recipe import built_in, read_recipe, summary

    return {"recipes": [summary(read_recipe(name)) for name in built_in()]}


def _children(studio: Studio, request: Request) -> dict[str, Any]:
    return running.children(studio)


def _child(studio: Studio, request: Request) -> dict[str, Any]:
    return running.child(studio, asked(request, "id"))


def _checked(studio: Studio, body: dict[str, Any]) -> dict[str, Any]:
    from vaestro.studio.starting.asked import Asked, checked

    return checked(studio, Asked.parse(body))


ROUTES = [
    Route("/api/start/form", answering(_form)),
    Route("/api/start/recipes", answering(_recipes)),
    Route("/api/start/children", answering(_children)),
    Route("/api/start/child", answering(_child)),
    Route("/api/start/check", acting(_checked), methods=["POST"]),
    Route("/api/start/forecast", forecast, methods=["POST"]),
    Route("/api/start/run", acting(running.start), methods=["POST"]),
    Route("/api/start/stop", acting(running.stop), methods=["POST"]),
    Route("/api/start/resume", acting(running.resume), methods=["POST"]),
]
"""Everything under /api/start; torch is loaded when a recipe is first asked for."""
