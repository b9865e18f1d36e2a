#!/usr/bin/env python3
"""What the drills make of the logs: each verdict from a few lines whose truth is known."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [BENCH, *(os.path.join(BENCH, name) for name in ("race", "faults", "reload"))]
import faults  # noqa: E402
import race  # noqa: E402
import reload  # noqa: E402
from harness.drill import Seen, Sent  # noqa: E402

SECOND = 10 ** 9


def sent(number, method="GET", outcome="200", begun=0, took=0.001, kind="keep"):
    return Sent(number, method, kind, int(begun * SECOND), int((begun + took) * SECOND), outcome, 0)


def seen(number, method="GET", what="processed", at=0):
    return Seen(number, method, int(at * SECOND), 1, what)


class Race(unittest.TestCase):
    def test_all_well(self):
        found = race.judge([sent(1), sent(2, "POST")], [seen(1), seen(2, "POST")])
        self.assertEqual((found["GET"], found["POST"], found["post_twice"]), (1, 1, 0))
        self.assertEqual(list(race.missed(found)), [])

    def test_a_failed_get_misses_the_bar(self):
        found = race.judge([sent(1, outcome="502"), sent(2)], [seen(2)])
        self.assertEqual(found["failed"]["GET"], {"502": 1})
        self.assertEqual(found["GET_per_million"], 500000)
        self.assertEqual(len(list(race.missed(found))), 1)

    def test_a_get_may_be_processed_twice_and_a_post_not(self):
        lines = [seen(1), seen(1), seen(2, "POST"), seen(2, "POST")]
        found = race.judge([sent(1), sent(2, "POST")], lines)
        self.assertEqual((found["get_twice"], found["post_twice"]), (1, 1))
        self.assertEqual(len(list(race.missed(found))), 1)

    def test_failed_posts_are_told_apart_by_what_the_upstream_had(self):
        requests = [sent(n, "POST", "502") for n in (1, 2, 3)]
        found = race.judge(requests, [seen(1, "POST"), seen(2, "POST", "unread")])
        self.assertEqual((found["post_failed_processed"], found["post_failed_unread"],
                          found["post_failed_unacknowledged"]), (1, 1, 1))
        self.assertEqual(len(list(race.missed(found))), 1)


class Faults(unittest.TestCase):
    def every(self, step, begin, end, outcome="200", took=0.001):
        count = int((end - begin) / step)
        return [sent(i, begun=begin + i * step, outcome=outcome, took=took) for i in range(count)]

    def test_nobody_suffers(self):
        self.assertIsNone(faults.detect(self.every(0.01, 0, 20), 5 * SECOND, 15 * SECOND))

    def test_detected_when_the_last_bad_half_second_is_over(self):
        lines = self.every(0.01, 0, 20) + self.every(0.1, 5, 6.4, outcome="504")
        self.assertEqual(faults.detect(lines, 5 * SECOND, 15 * SECOND), 1.5)

    def test_slow_is_suffering_too(self):
        lines = self.every(0.01, 0, 20) + self.every(0.1, 5, 6.9, took=0.7)
        self.assertEqual(faults.detect(lines, 5 * SECOND, 15 * SECOND), 2.0)

    def test_never_detected(self):
        lines = self.every(0.01, 0, 20) + self.every(0.1, 5, 15, outcome="504")
        self.assertEqual(faults.detect(lines, 5 * SECOND, 15 * SECOND), "not within the fault")

    def test_recovered_with_half_of_its_share(self):
        lines = self.every(0.01, 0, 20)
        victim = [seen(i, at=17.01 + i * 0.05) for i in range(50)]
        self.assertEqual(faults.recover(victim, lines, 15 * SECOND), 2.5)
        self.assertEqual(faults.recover([], lines, 15 * SECOND), "not within the run")

    def test_finack_must_not_fail_more_than_the_better_peer(self):
        row = {"failed": {"GET": {"504": 2}, "POST": {}}, "post_twice": 0}
        better = {"failed": {"GET": {}, "POST": {"504": 1}}, "post_twice": 0}
        self.assertEqual(len(list(faults.missed("stopped", {"finack": row, "nginx": better}))), 1)
        self.assertEqual(len(list(faults.missed("stopped", {"finack": better, "nginx": row}))), 0)


class Reloads(unittest.TestCase):
    class Done:
        took, bad_file = [0.1, None, 0.3], "changed nothing"

    def test_failures_by_kind_of_client(self):
        lines = [sent(1), sent(2, kind="short", outcome="reset"),
                 sent(3, kind="tunnel", outcome="101"), sent(4, kind="tunnel", outcome="broken"),
                 sent(5, kind="tunnel", outcome="200")]
        found = reload.judge(lines, self.Done)
        self.assertEqual(found["failed"], {"keep": {}, "short": {"reset": 1},
                                           "tunnel": {"broken": 1, "200": 1}})
        self.assertEqual((found["requests"], found["tunnels"], found["taken"]), (2, 3, 2))
        self.assertEqual(len(list(reload.missed(found))), 3)


if __name__ == "__main__":
    unittest.main()
