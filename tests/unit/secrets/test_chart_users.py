"""Are the users of the chart's Redis those of `fleet broker acl`, and can none of them change users?"""

from __future__ import annotations

from fleet.secrets import broker_acl, chart_users


def test_the_chart_has_what_the_code_says() -> None:
    assert chart_users.FILE.read_text() == chart_users.text(), "run `python -m fleet.secrets.chart_users`"


def test_every_program_has_a_line_with_its_rules_and_nobody_changes_users() -> None:
    lines = dict(line.split(" ", 1) for line in chart_users.text().splitlines())
    wanted = {user.name.removeprefix("fleet-"): user for user in broker_acl.users(chart_users.CELL, ["fleet.code"])}
    assert set(lines) == set(wanted) - {"operator"}
    for name, rules in lines.items():
        assert not {rule for rule in rules.split() if rule.startswith("+acl")}, name
        assert {rule for rule in wanted[name].rules if "fleet.code" not in rule and not rule.startswith("+acl")} <= {
            rule.replace(chart_users.PRIORITY, broker_acl.PRIORITY) for rule in rules.split()
        }
        assert ("fleet.*" in rules) == any("fleet.code" in rule for rule in wanted[name].rules)
        assert rules.isprintable()
