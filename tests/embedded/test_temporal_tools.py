import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from starter import temporal_tools
from starter.temporal_tools import ToolUnavailableError, ensure_temporal_cli, ensure_time_skipping_server

BUILDING_GO = """#!/bin/sh
[ "$1" = env ] && exit 0
echo built >> "$BUILDS"
sleep 0.3
printf '#!/bin/sh\\n' > "$GOBIN/temporal"
chmod +x "$GOBIN/temporal"
"""
FAILING_GO = """#!/bin/sh
[ "$1" = env ] && exit 0
echo "half" > "$GOBIN/temporal"
echo "no space left on device" >&2
exit 1
"""


class DownloadingEnvironment:
    """The SDK's environment as far as the download goes: it leaves one program in the folder and starts it."""

    @classmethod
    async def start_local(cls, *, download_dest_dir: str) -> "DownloadingEnvironment":
        put_program(Path(download_dest_dir), "sdk-program", "#!/bin/sh\necho downloaded\n")
        return cls()

    start_time_skipping = start_local

    async def shutdown(self) -> None:
        pass


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH apart from the system's own programs, an empty cache, and no way to the SDK's download."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "sleep", "chmod", "env", "dirname"):
        folder.joinpath(name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("DROPWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BUILDS", str(tmp_path / "builds"))
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    return folder


def put_program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def test_a_cli_on_the_path_comes_first(programs: Path) -> None:
    put_program(programs, "temporal", "#!/bin/sh\n")

    assert ensure_temporal_cli(print) == programs / "temporal"


def test_without_download_go_builds_it_once_and_each_step_is_announced(programs: Path, tmp_path: Path) -> None:
    put_program(programs, "go", BUILDING_GO)
    said: list[str] = []

    first = ensure_temporal_cli(said.append)
    second = ensure_temporal_cli(said.append)

    assert first == second
    assert os.access(first, os.X_OK)
    assert (tmp_path / "builds").read_text() == "built\n"
    assert [line for line in said if "download failed" in line]
    assert [line for line in said if "building github.com/temporalio/cli" in line]


def test_what_the_sdk_downloads_is_kept_and_used_before_a_build(programs: Path, tmp_path: Path, monkeypatch) -> None:
    put_program(programs, "go", BUILDING_GO)
    monkeypatch.setattr(temporal_tools, "WorkflowEnvironment", DownloadingEnvironment)

    program = ensure_temporal_cli(print)
    launcher = ensure_time_skipping_server(print)

    assert ensure_temporal_cli(print) == program
    assert subprocess.check_output([program], text=True) == "downloaded\n"
    assert subprocess.check_output([launcher], text=True) == "downloaded\n"
    assert not (tmp_path / "builds").exists()


def test_two_runs_at_once_build_once(programs: Path, tmp_path: Path) -> None:
    put_program(programs, "go", BUILDING_GO)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(ensure_temporal_cli, [print, print])

    assert first == second
    assert (tmp_path / "builds").read_text() == "built\n"


def test_a_failed_build_leaves_nothing_and_says_what_to_install(programs: Path, tmp_path: Path) -> None:
    put_program(programs, "go", FAILING_GO)

    with pytest.raises(ToolUnavailableError, match=r"no space left.*Install the Temporal CLI.*TEMPORAL_ADDRESS"):
        ensure_temporal_cli(print)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["temporal.lock"]


def test_without_go_the_last_error_says_what_to_install(programs: Path) -> None:
    with pytest.raises(ToolUnavailableError, match=r"Go, which could build it, is not installed.*Install the Temporal"):
        ensure_temporal_cli(print)


def test_a_demo_without_a_temporal_server_ends_with_what_to_install(programs: Path) -> None:
    dropwright = Path(sys.executable).with_name("dropwright")

    demo = subprocess.run([dropwright, "demo", "--exit"], capture_output=True, text=True)

    assert demo.returncode == 1
    assert demo.stderr == ""
    assert "the demo can't go on: no Temporal server" in demo.stdout.splitlines()[-1]
    assert "Install the Temporal CLI" in demo.stdout


def test_without_java_the_last_error_says_what_to_install(programs: Path) -> None:
    with pytest.raises(ToolUnavailableError, match=r"java and mvn.*Install Java 11 or newer and Maven"):
        ensure_time_skipping_server(print)


def test_the_launcher_ends_with_whoever_started_it(time_skipping_program: Path) -> None:
    script = f'"{time_skipping_program}" 0 >/dev/null 2>&1 & echo $!; exec sleep 60'
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        server = int(parent.stdout.readline())
        wait_while(f"ps -o args= -p {server} | grep -q launch")
        assert subprocess.run(["kill", "-0", str(server)]).returncode == 0
        parent.kill()

    wait_while(f"kill -0 {server}")


def wait_while(condition: str) -> None:
    subprocess.run(["timeout", "10", "sh", "-c", f"while {condition}; do sleep 0.1; done"], check=True)
