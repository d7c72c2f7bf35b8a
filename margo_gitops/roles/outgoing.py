"""Publishing where others publish as well: nothing is lost, and nothing goes out twice."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from margo_gitops.errors import LostRace
from margo_gitops.model import layout
from margo_gitops.roles.central import Central
from margo_gitops.roles.origin import Origin
from margo_gitops.roles.publishing import Published

TRIES = 20


def racing() -> Retrying:
    """To try again for as long as others are quicker, up to `TRIES` times, in about ten seconds."""
    return Retrying(
        retry=retry_if_exception_type(LostRace),
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )


def publish(
    co: Central, origin: Origin, *, progress: Callable[[str], None] = lambda _: None
) -> list[Published]:
    """Render every site that changed, and push; what is here and at the remote then is the same.

    Who loses a race takes what the winner published and renders what is left of its own, which is
    often nothing. Raises `LostRace` where that never ends, and all that `Central.render` raises.
    """
    made: dict[str, Published] = {}
    for attempt in racing():
        with attempt:
            if attempt.retry_state.attempt_number > 1:
                origin.pull()
            made |= {item.site: item for item in co.render(progress=progress)}
            origin.publish()
    store = co.store
    return [i for i in made.values() if store.resolve(layout.site_ref(i.site)) == i.commit]
