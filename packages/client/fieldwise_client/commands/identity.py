"""`fieldwise identity`: who may be the same person, pairs that wait for a decision, and the comparison of all records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.profile.v1.event_pb2 import Identification
from fieldwise.profile.v1.identity_service_pb2 import DuplicateCandidate, FieldEvidence, IdentityReview
from fieldwise_client.commands.customers import By, Json, json_line
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Who is the same person as whom.")
    for command in (find, reviews, accept, reject, resolve):
        group.command()(command)
    app.add_typer(group, name="identity")


Review = Annotated[str, typer.Argument(help="Such as identityReviews/3; `reviews` lists them.")]


def find(
    customer: Annotated[str, typer.Argument(help="Such as 417; or nothing, with what a record says.")] = "",
    given_name: Annotated[str, typer.Option(help="Of a record that is about to be entered.")] = "",
    family_name: Annotated[str, typer.Option(help="As written.")] = "",
    full_name: Annotated[str, typer.Option(help="When it is not known which part is which.")] = "",
    phone: Annotated[str, typer.Option(help="In any form.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address.")] = "",
    city: Annotated[str, typer.Option(help="City of the address.")] = "",
    postcode: Annotated[str, typer.Option(help="Postal code.")] = "",
    birth_date: Annotated[str, typer.Option(help="Such as 1985-12-28.")] = "",
    most: Annotated[int, typer.Option("--limit", min=1, max=100, help="Most candidates.")] = 10,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show who may be the same person, with what each field says; changes nothing."""
    record = Identification(
        full_name=full_name,
        given_name=given_name,
        family_name=family_name,
        phone=phone,
        email=email,
        city=city,
        postcode=postcode,
        birth_date=birth_date,
    )
    if bool(customer) == bool(record.ByteSize()):
        typer.echo("give a customer, or what a record says (--phone, --family-name ...), not both", err=True)
        raise typer.Exit(2)
    with faults_told(), client_for(data) as client:
        found = client.find_duplicates(customer or record, limit=most)
        if as_json:
            typer.echo(json_line(found))
        elif found.too_little:
            typer.echo(
                "that says too little to tell one person from another; give a phone, an e-mail or a full name"
            )
        elif not found.candidates:
            typer.echo("nobody")
        else:
            typer.echo("\n".join(map(_candidate, found.candidates)))
            typer.echo(
                "p: probability of one person; behind each field its log-odds, + for one person, - for two"
            )


def reviews(
    state: Annotated[str, typer.Option(help="open, same or different.")] = "open",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """List the pairs that a person should decide on; `find` of one of them shows what each field says."""
    with faults_told(), client_for(data) as client:
        count = 0
        for count, review in enumerate(client.reviews(state), 1):  # noqa: B007  # told after the loop
            typer.echo(json_line(review) if as_json else _review(review))
        if not count and not as_json:
            typer.echo(f"no pair is {state}")


def accept(review: Review, by: By, data: Data = Path(DEFAULT_DATA)) -> None:
    """Say that the two of a pair are one person: they are linked."""
    _decide(review, data, by, same=True)


def reject(review: Review, by: By, data: Data = Path(DEFAULT_DATA)) -> None:
    """Say that the two of a pair are two persons: evidence alone never links them."""
    _decide(review, data, by, same=False)


def resolve(
    learn: Annotated[
        bool, typer.Option("--learn", help="Learn the weights from these records first.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Compare all records: link those that surely are one person, queue the doubtful. Ctrl-C ends it; it can be run again."""
    progress = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        last = None
        for last in client.resolve_identities(learn_weights=learn, dry_run=dry_run):
            progress.running(f"{last.records:,} records, {last.weighed:,} of {last.pairs:,} pairs weighed")
        if last is not None:
            would = "would be " if dry_run else ""
            progress.say(f"{last.records:,} records, {last.weighed:,} pairs weighed")
            typer.echo(
                f"{last.linked:,} pairs {would}linked, {last.queued:,} {would}queued for a person, "
                f"{last.kept_apart:,} kept apart by a protective limit"
            )


def _decide(review: str, data: Path, by: str, *, same: bool) -> None:
    with faults_told(), client_for(data) as client:
        decided = client.decide_review(review, same=same, decided_by=by)
        are = "are one person" if same else "are two persons"
        typer.echo(f"{decided.customer} and {decided.other} {are}: {decided.name}")


def _candidate(candidate: DuplicateCandidate) -> str:
    says = ", ".join(
        f"{each.field} {each.agreement} {each.log_odds:+.1f}" for each in candidate.evidence if _counts(each)
    )
    against = f"; against: {', '.join(candidate.contradictions)}" if candidate.contradictions else ""
    return f"{candidate.name}  p {candidate.probability:.4f}  {says}{against}"


def _counts(evidence: FieldEvidence) -> bool:
    """Whether it is not written as zero."""
    return abs(evidence.log_odds) >= 0.05


def _review(review: IdentityReview) -> str:
    why = ", ".join(review.reasons)
    return f"{review.name}  {review.customer} ? {review.other}  p {review.probability:.3f}  {why}"
