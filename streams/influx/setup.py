"""Look at an InfluxDB 2 server, and mend what streams.influx.plan finds. Secrets go to files alone."""

import os
import secrets
import time
from pathlib import Path
from typing import Any, Final

from streams.certificates import served_until
from streams.drift import Drift
from streams.influx.api import InfluxAnswer, InfluxApi
from streams.influx.plan import (
    HISTORY,
    RAW,
    Bucket,
    Found,
    State,
    drifts,
    reader_name,
    wanted,
    writer_name,
)
from streams.secret_files import ensure_secret, is_open, read_secret, write_secret
from streams.settings import Settings

ADMIN_NAME: Final = "vigie-admin"
ADMIN_PASSWORD: Final = "influx_admin_password"
ADMIN_TOKEN: Final = "influx_admin_token"
WRITER: Final = "vigie_influx_token"  # the file's name is the setting's: VIGIE_SECRETS names the folder
READER: Final = "grafana_influx_token"
DECIDED: Final = {"retention", "certificate"}  # by people: shorter deletes data, a new one wants restarts
KEPT: Final = {"reader", "mode"}  # needs a folder that can be written


def access(settings: Settings, credential: str | None) -> InfluxApi:
    """The deployment's server, with some credential."""
    return InfluxApi(str(settings.influx_url), credential, settings.influx_ca)


def look(admin: InfluxApi, settings: Settings, folder: Path) -> State:
    """What there is. Raises InfluxAnswer, or OSError when its certificate cannot be seen."""
    name, database = str(settings.influx_org), str(settings.influx_bucket)
    organisations = admin.named("/api/v2/orgs", "orgs", org=name)
    if not organisations:
        return State()
    organisation = organisations[0]["id"]
    buckets = [
        one
        for bucket in wanted(settings)
        for one in admin.named("/api/v2/buckets", "buckets", orgID=organisation, name=bucket.name)
    ]
    mappings = admin.get("/api/v2/dbrps", "content", orgID=organisation, db=database)
    writers = admin.get("/private/legacy/authorizations", "authorizations", orgID=organisation)
    readers = admin.get("/api/v2/authorizations", "authorizations", orgID=organisation)
    files = [name for name in (ADMIN_PASSWORD, ADMIN_TOKEN, WRITER, READER) if (folder / name).exists()]
    return State(
        organisation,
        {one["name"]: _found(one) for one in buckets},
        {one["retention_policy"]: (one["id"], one["bucketID"]) for one in mappings if not one["virtual"]},
        next((_account(one) for one in writers if one["token"] == writer_name(settings)), None),
        _writer_enters(settings, read_secret(folder, WRITER)),
        next((_account(one) for one in readers if one["description"] == reader_name(settings)), None),
        _reader_enters(settings, read_secret(folder, READER)),
        tuple(name for name in files if is_open(folder, name)),
        served_until(str(settings.influx_url), settings.influx_ca),
    )


def make(admin: InfluxApi, settings: Settings, folder: Path, state: State, drift: Drift) -> None:
    """Mend one drift. Raises InfluxAnswer."""
    database, organisation = str(settings.influx_bucket), state.organisation
    bucket = next((one for one in wanted(settings) if drift.name in (one.name, one.policy)), None)
    if drift.what == "organisation":
        admin.call("POST", "/api/v2/orgs", {"name": drift.name})
    elif drift.what == "bucket" and bucket:
        body = {"orgID": organisation, "name": bucket.name, "retentionRules": _rules(bucket)}
        admin.call("POST", "/api/v2/buckets", body)
    elif drift.what in ("retention", "shards") and bucket:
        found = state.buckets[bucket.name]
        kept = bucket if drift.what == "retention" else bucket._replace(seconds=found.seconds)
        admin.call("PATCH", f"/api/v2/buckets/{found.id}", {"retentionRules": _rules(kept)})
    elif drift.what == "mapping" and bucket:
        if bucket.policy in state.mappings:
            path = f"/api/v2/dbrps/{state.mappings[bucket.policy][0]}"
            admin.call("DELETE", path, orgID=str(organisation))
        mapping = {
            "orgID": organisation,
            "bucketID": state.buckets[bucket.name].id,
            "database": database,
            "retention_policy": bucket.policy,
            "default": bucket.policy == RAW,
        }
        admin.call("POST", "/api/v2/dbrps", mapping)
    elif drift.what == "writer":
        _make_writer(admin, settings, folder, state)
    elif drift.what == "reader":
        path = "/api/v2/authorizations"
        if state.reader:
            admin.call("DELETE", f"{path}/{state.reader[0]}")
        body = {"description": reader_name(settings), **_rights("read", settings, state)}
        write_secret(folder, READER, admin.call("POST", path, body)["token"])
    elif drift.what == "mode":
        (folder / drift.name).chmod(0o600)


def admit(settings: Settings, folder: Path, set_up: bool) -> InfluxApi:
    """The administrator's access; a server that is new is set up first, when asked to.

    Raises InfluxAnswer with the remedy.
    """
    nobody = access(settings, None)
    if nobody.get("/api/v2/setup", "allowed"):
        if not set_up:
            raise InfluxAnswer("nobody has set this server up; run `vigie influx setup`")
        raw = wanted(settings)[0]
        body = {
            "username": ADMIN_NAME,
            "password": ensure_secret(folder, ADMIN_PASSWORD),
            "token": ensure_secret(folder, ADMIN_TOKEN),
            "org": settings.influx_org,
            "bucket": raw.name,
            "retentionPeriodSeconds": raw.seconds,
        }
        nobody.call("POST", "/api/v2/setup", body)
    token = read_secret(folder, ADMIN_TOKEN)
    if token is None:
        raise InfluxAnswer(f"the server is set up already; put an operator token into {folder / ADMIN_TOKEN}")
    return access(settings, token)


def _make_writer(admin: InfluxApi, settings: Settings, folder: Path, state: State) -> None:
    """The account, with the password of its file where there is one of its name: it may be kept elsewhere."""
    path, name = "/private/legacy/authorizations", writer_name(settings)
    rights = _rights("write", settings, state)
    account = state.writer
    if account and account[1] != {f"write:buckets/{one['resource']['id']}" for one in rights["permissions"]}:
        admin.call("DELETE", f"{path}/{account[0]}")
        account = None
    body = {"token": name, "description": name, **rights}
    made = account[0] if account else admin.call("POST", path, body)["id"]
    given, _, password = (read_secret(folder, WRITER) or "").partition(":")
    if given != name or not password:
        password = secrets.token_urlsafe(32)
        write_secret(folder, WRITER, f"{name}:{password}")
    admin.call("POST", f"{path}/{made}/password", {"password": password})


def _rights(action: str, settings: Settings, state: State) -> dict[str, Any]:
    ids = [state.buckets[bucket.name].id for bucket in wanted(settings)]
    resources = [{"type": "buckets", "id": one, "orgID": state.organisation} for one in ids]
    return {
        "orgID": state.organisation,
        "permissions": [{"action": action, "resource": resource} for resource in resources],
    }


def _rules(bucket: Bucket) -> list[dict[str, object]]:
    rule = {"everySeconds": bucket.seconds, "shardGroupDurationSeconds": bucket.shard_seconds}
    return [{"type": "expire", **rule}]


def _found(bucket: dict[str, Any]) -> Found:
    rules = bucket["retentionRules"]
    return Found(
        bucket["id"],
        sum(rule["everySeconds"] for rule in rules),
        max((rule.get("shardGroupDurationSeconds", 0) for rule in rules), default=0),
    )


def _account(one: dict[str, Any]) -> tuple[str, set[str]]:
    rights = set()
    for permission in one["permissions"] if one["status"] == "active" else ():
        resource = permission["resource"]
        rights.add(f"{permission['action']}:{resource['type']}/{resource.get('id', '*')}")
    return one["id"], rights


def _writer_enters(settings: Settings, credential: str | None) -> bool:
    if credential is None:
        return False
    api, database = access(settings, credential), str(settings.influx_bucket)
    return all(api.ask("POST", "/write", b"", db=database, rp=rp).status == 204 for rp in (RAW, HISTORY))


def _reader_enters(settings: Settings, credential: str | None) -> bool:
    if credential is None:
        return False
    api, database = access(settings, credential), str(settings.influx_bucket)
    return api.ask("GET", "/query", db=database, q="SHOW MEASUREMENTS").status == 200


def mend(
    admin: InfluxApi, settings: Settings, folder: Path, retention: bool
) -> tuple[list[Drift], list[Drift]]:
    """Mend all drifts, one after the other; returns (mended, left). Retention only when asked: it deletes.

    A folder that cannot be written (a secret of Kubernetes) gets no token for Grafana. Raises InfluxAnswer,
    also when a drift does not go away, and OSError when a secret that is missing cannot be written.
    """
    mended: list[Drift] = []
    leave = DECIDED - {"retention"} if retention else DECIDED
    if not os.access(folder, os.W_OK):
        leave = leave | KEPT
    while True:
        state = look(admin, settings, folder)
        found = drifts(settings, state, time.time())
        todo = [drift for drift in found if drift.what not in leave]
        if not todo:
            return mended, found
        if todo[0] in mended:
            raise InfluxAnswer(f"{todo[0].what} {todo[0].name} stays as it is: {todo[0].problem}")
        make(admin, settings, folder, state, todo[0])
        mended.append(todo[0])
