"""The line: first come, first served for one client; several take turns, and none can take all places."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from musicgen_api.domain.asker import Asker
from musicgen_api.jobs.job import Job
from musicgen_api.jobs.line import Line
from tests.helpers.fakes import a_request


def a_job(client: str = "", **values: object) -> Job:
    return Job(a_request(**values), asker=Asker(client=client))


def test_without_places_nobody_waits() -> None:
    assert not Line().has_place_for("")


def test_one_client_is_served_in_the_order_of_arrival() -> None:
    line, jobs = Line(3), [a_job() for _ in range(3)]
    for job in jobs:
        assert line.has_place_for("")
        line.join(job)
    assert not line.has_place_for("")
    assert line.order == jobs
    assert line.leave(jobs[1])
    assert not line.leave(jobs[1])
    assert line.order == [jobs[0], jobs[2]]
    assert line.has_place_for("")


def test_clients_take_turns_and_who_had_the_last_one_comes_last() -> None:
    line = Line(10, ["anne", "ben", "carl"])
    line.take_turn(a_job("anne"))  # which is running now
    anne, ben, carl = ([a_job(name) for _ in range(2)] for name in ("anne", "ben", "carl"))
    for job in [*anne, *ben, *carl]:
        line.join(job)
    assert line.order == [ben[0], carl[0], anne[0], ben[1], carl[1], anne[1]]
    line.take_turn(ben[0])
    assert line.order == [carl[0], anne[0], ben[1], carl[1], anne[1]]
    line.take_turn(carl[0])
    assert line.order == [anne[0], ben[1], carl[1], anne[1]]


def test_a_place_is_kept_for_each_client_that_has_none() -> None:
    line = Line(4, ["anne", "ben", "carl"])
    for _ in range(2):
        assert line.has_place_for("anne")
        line.join(a_job("anne"))
    assert not line.has_place_for("anne")
    assert line.has_place_for("")  # somebody may come
    line.join(a_job("ben"))
    assert not line.has_place_for("ben")
    assert not line.has_place_for("anne")
    line.join(a_job("carl"))
    assert not line.has_place_for("")


CLIENTS = ["anne", "ben", "carl"]


@given(st.integers(3, 6), st.lists(st.tuples(st.sampled_from(CLIENTS), st.booleans()), max_size=30))
def test_whatever_the_others_do_who_has_no_place_gets_one_and_waits_for_one_turn_of_each(
    places: int, steps: list[tuple[str, bool]]
) -> None:
    line = Line(places, CLIENTS)
    for client, serve in steps:
        if serve and line.order:
            line.take_turn(line.order[0])
        elif line.has_place_for(client):
            line.join(a_job(client))
        waiting = {job.asker.client for job in line.order}
        assert all(line.has_place_for(name) for name in set(CLIENTS) - waiting)
        assert len(line) <= places
        first_turns = [job.asker.client for job in line.order][: len(waiting)]
        assert set(first_turns) == waiting


def test_the_wait_is_the_running_job_s_rest_and_the_work_of_those_before() -> None:
    line = Line(3)
    line.pace.learn(a_request(duration=10), 5.0)  # half a second for each second of music
    jobs = [a_job(duration=20), a_job(duration=10, takes=4), a_job(duration=10)]
    for job in jobs:
        line.join(job)
    places = [place for _, place in line.places(3.0)]
    assert [place.position for place in places] == [1, 2, 3]
    assert [place.wait_s for place in places] == [3.0, 13.0, 33.0]
    assert [place.wait_s for _, place in line.places(None)] == [None] * 3
    assert line.until_a_place_s("", 3.0) == 3.0


def test_a_client_that_has_its_share_waits_for_a_turn_of_its_own() -> None:
    line = Line(3, ["anne", "ben"])
    line.pace.learn(a_request(duration=10), 5.0)
    ben = a_job("ben", duration=10)
    line.take_turn(a_job("anne"))
    line.join(a_job("anne", duration=10))
    line.join(ben)
    line.leave(ben)
    line.join(a_job("anne", duration=10))
    line.pace.learn(a_request(duration=10), 5.0)
    assert not line.has_place_for("anne")
    assert line.until_a_place_s("anne", 2.0) == 2.0
    line.join(ben)
    assert line.until_a_place_s("anne", 2.0) == 2.0  # all are taken: the next turn, whose ever it is, frees one
    assert [place.wait_s for _, place in line.places(2.0)] == [2.0, 7.0, 12.0]


def test_before_anything_is_known_of_the_pace_the_first_one_s_wait_alone_is_told() -> None:
    line = Line(2)
    line.join(a_job())
    line.join(a_job())
    assert [place.wait_s for _, place in line.places(4.0)] == [4.0, None]


def test_the_pace_follows_the_newest_jobs_and_is_each_model_s_own() -> None:
    pace = Line().pace
    small, large = a_request(model="m/small", duration=10), a_request(model="m/large", duration=10)
    assert pace.estimate_s(small) is None
    pace.learn(small, 100.0)  # with the load of the model
    assert pace.estimate_s(large) == pace.estimate_s(small) == 100.0
    pace.learn(large, 300.0)
    estimates = [pace.estimate_s(small)]
    for _ in range(10):
        pace.learn(small, 10.0)
        estimates.append(pace.estimate_s(small))
    assert all(later < earlier for earlier, later in pairwise(estimates))
    assert abs(estimates[-1] - 10.0) < 0.1
    assert pace.estimate_s(large) == 300.0
