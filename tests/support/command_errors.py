"""The line that a failing command prints."""

from smoothxent.cli import main


def error_line(capsys, *arguments, command="evaluate"):
    """Return the only line on stderr of a command that fails; stdout must be empty."""
    assert main([command, *arguments]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[-1:]) == ("", 1, "\n")
    assert err.startswith("smoothxent: ")
    return err.removeprefix("smoothxent: ")[:-1]
