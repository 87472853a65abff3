"""The virtual environment and the locked dependencies: ``python3 shimao_service/embedded/install.py run|test``.

Runs by its path with the system's Python, before anything is installed: standard library only, and
plain enough that an old Python gets as far as the message about its age.
"""

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import time

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(CHECKOUT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
LOCKS = {"run": "requirements.txt", "test": "requirements-dev.txt"}
OLDEST = (3, 11)


def fail(zh, en):
    sys.stderr.write(f"✗ {zh} / {en}\n")
    sys.exit(1)


def say(zh, en=""):
    print(f"▸ {zh} {en}".rstrip())
    sys.stdout.flush()


def wanted(purpose):
    """What the stamp of ``purpose`` holds once its lock is installed; another lock or Python makes it differ."""
    with open(os.path.join(CHECKOUT, LOCKS[purpose]), "rb") as lock:
        return f"{hashlib.sha256(lock.read()).hexdigest()} {sys.version.split()[0]}\n"


def stamp(purpose):
    return os.path.join(VENV, ".installed-" + purpose)


def is_installed(purpose):
    try:
        with open(stamp(purpose)) as file:
            return file.read() == wanted(purpose) and works()
    except OSError:
        return False


def works():
    """Whether the environment's Python starts: its base may have been removed, or the making of it killed."""
    try:
        return subprocess.call([PYTHON, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def make_environment():
    """Make ``.venv`` anew and return the pip command that installs into it."""
    has_venv = importlib.util.find_spec("venv") is not None
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    has_pip = importlib.util.find_spec("pip") is not None
    if not has_venv or not (has_ensurepip or has_pip):
        # Debian keeps both in a package of their own.
        fail(
            "缺少 Python 的 venv 模块：请先安装，如 apt-get install python3-venv，再重新运行。",
            "Python's venv module is missing: install it, e.g. apt-get install python3-venv, and run this again.",
        )
    if not works():
        say("建立虚拟环境 .venv……", "Creating the virtual environment.")
        command = [sys.executable, "-m", "venv", "--clear", VENV]
        if subprocess.call(command if has_ensurepip else [*command, "--without-pip"]) != 0:
            fail(
                "虚拟环境 .venv 没有建成，原因见上；请检查磁盘空间和目录权限。",
                "The virtual environment could not be created, see above.",
            )
    if subprocess.call([PYTHON, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0:
        return [PYTHON, "-m", "pip"]
    if has_pip:
        return [sys.executable, "-m", "pip", "--python", PYTHON]
    fail("虚拟环境里没有 pip：请删除 .venv 后重新运行。", "No pip in .venv: delete .venv and run this again.")


def install(purpose):
    pip = make_environment()
    lock = os.path.join(CHECKOUT, LOCKS[purpose])
    with open(lock) as file:
        total = len(re.findall(r"^[A-Za-z0-9].*==", file.read(), re.MULTILINE))
    say(f"安装锁定的依赖（{LOCKS[purpose]}，共 {total} 个）……", "Installing locked dependencies.")
    command = [*pip, "install", "--require-hashes", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "-r", lock]
    environment = dict(os.environ, PIP_ROOT_USER_ACTION="ignore", PYTHONUNBUFFERED="1")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True)
    lines, seen, shown = [], 0, 0.0
    for line in process.stdout:
        lines.append(line)
        found = re.match(r"(Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", line)
        if found:
            seen += 1
            if time.time() - shown > 1 or seen == total:
                say(f"  [{seen}/{total}] {found.group(2)}")
                shown = time.time()
        elif line.startswith("Installing collected packages"):
            say("  写入磁盘……", "Writing to disk.")
    if process.wait() != 0:
        sys.stderr.write("".join(lines[-15:]))
        fail(
            "依赖没有装好，原因见上；请检查网络后重新运行。",
            "Dependencies could not be installed, see above; check the network and run this again.",
        )
    for done in ("run", "test") if purpose == "test" else ("run",):  # the test lock holds the other one
        with open(stamp(done), "w") as file:
            file.write(wanted(done))


def main():
    if sys.version_info < OLDEST:
        fail(
            f"需要 Python 3.11 以上，现在是 {sys.version.split()[0]}；可指定 PYTHON=/路径/python3.12 make run。",
            "Python 3.11 or newer is needed; name one by PYTHON=/path/to/python3.12 make run.",
        )
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    if not is_installed(purpose):
        install(purpose)


if __name__ == "__main__":
    main()
