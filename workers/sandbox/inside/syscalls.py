"""Which system calls does a Python program need when it may neither start processes nor reach others?

Numbers of the Linux ABI for x86-64 and AArch64; a call that does not exist on an architecture is left out there. What
is not listed is denied. Calls that are harmless only with certain arguments are in `seccomp.CONDITIONS`.
"""

from __future__ import annotations

X86_64, AARCH64 = 0xC000003E, 0xC00000B7
ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}

NEWEST_KNOWN = 470
"""Later calls answer "not implemented", as on the older kernel a program must be able to live with."""

_TABLE = """
read 0 63 | write 1 64 | close 3 57 | close_range 436 436 | lseek 8 62 | pread64 17 67 | pwrite64 18 68 | readv 19 65
writev 20 66 | preadv 295 69 | pwritev 296 70 | preadv2 327 286 | pwritev2 328 287
stat 4 - | fstat 5 80 | lstat 6 - | newfstatat 262 79 | statx 332 291 | statfs 137 43 | fstatfs 138 44 | access 21 -
faccessat 269 48 | faccessat2 439 439 | getdents64 217 61 | getcwd 79 17 | chdir 80 49 | fchdir 81 50
readlink 89 - | readlinkat 267 78 | mkdir 83 - | mkdirat 258 34 | rmdir 84 - | unlink 87 - | unlinkat 263 35
rename 82 - | renameat 264 38 | renameat2 316 276 | link 86 - | linkat 265 37 | symlink 88 - | symlinkat 266 36
chmod 90 - | fchmod 91 52 | fchmodat 268 53 | umask 95 166 | utimensat 280 88 | ftruncate 77 46 | fsync 74 82
fdatasync 75 83 | fallocate 285 47 | fadvise64 221 223 | sendfile 40 71 | copy_file_range 326 285 | flock 73 32
dup 32 23 | dup2 33 - | dup3 292 24 | pipe 22 - | pipe2 293 59
brk 12 214 | mmap 9 222 | munmap 11 215 | mremap 25 216 | mprotect 10 226 | madvise 28 233 | mincore 27 232
msync 26 227 | membarrier 324 283 | arch_prctl 158 - | futex 202 98 | futex_waitv 449 449 | set_robust_list 273 99
get_robust_list 274 100 | set_tid_address 218 96 | rseq 334 293
rt_sigaction 13 134 | rt_sigprocmask 14 135 | rt_sigreturn 15 139 | rt_sigpending 127 136 | rt_sigtimedwait 128 137
rt_sigsuspend 130 133 | sigaltstack 131 132 | pause 34 - | alarm 37 - | getitimer 36 102 | setitimer 38 103
restart_syscall 219 128 | poll 7 - | ppoll 271 73 | select 23 - | pselect6 270 72 | epoll_create 213 -
epoll_create1 291 20 | epoll_ctl 233 21 | epoll_wait 232 - | epoll_pwait 281 22 | epoll_pwait2 441 441
eventfd2 290 19 | clock_gettime 228 113 | clock_getres 229 114 | clock_nanosleep 230 115 | nanosleep 35 101
gettimeofday 96 169 | time 201 - | times 100 153 | getrusage 98 165 | sysinfo 99 179 | uname 63 160
getrandom 318 278 | getcpu 309 168 | sched_yield 24 124 | sched_getaffinity 204 123 | getpid 39 172 | gettid 186 178
getppid 110 173 | getpgrp 111 - | getpgid 121 155 | getsid 124 156 | getuid 102 174 | geteuid 107 175
getgid 104 176 | getegid 108 177 | getresuid 118 148 | getresgid 120 150 | getgroups 115 158 | getrlimit 97 163
wait4 61 260 | waitid 247 95 | exit 60 93 | exit_group 231 94 | recvfrom 45 207 | shutdown 48 210
"""

_CONDITIONAL = """
clone 56 220 | clone3 435 435 | prctl 157 167 | ioctl 16 29 | kill 62 129 | tgkill 234 131 | socketpair 53 199
sendto 44 206 | prlimit64 302 261 | open 2 - | openat 257 56 | fcntl 72 25
"""


def _read(table: str) -> dict[str, tuple[int | None, int | None]]:
    numbers: dict[str, tuple[int | None, int | None]] = {}
    for entry in table.replace("\n", "|").split("|"):
        if entry.strip():
            name, intel, arm = entry.split()
            numbers[name] = (None if intel == "-" else int(intel), None if arm == "-" else int(arm))
    return numbers


ALLOWED = _read(_TABLE)
CONDITIONAL = _read(_CONDITIONAL)


def number(name: str, architecture: int) -> int | None:
    """Return a call's number, nothing where the architecture does not have it."""
    both = ALLOWED.get(name) or CONDITIONAL[name]
    return both[0] if architecture == X86_64 else both[1]
