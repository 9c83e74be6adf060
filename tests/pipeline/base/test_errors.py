import pytest

from pipeline.base.errors import UserError, run_stage


def test_user_error_becomes_one_line_and_status_one(capsys):
    def main():
        raise UserError("posts.csv, row 3:\n  no target")

    with pytest.raises(SystemExit) as stopped:
        run_stage(main)
    assert stopped.value.code == "error: posts.csv, row 3: no target"


def test_other_errors_are_ours_and_keep_their_traceback():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_stage(main)
