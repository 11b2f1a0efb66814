/* A disk that a test can look into and make fail: an LD_PRELOAD for Linux, over all that lies below $DISK_ROOT.

   $DISK_JOURNAL names a file. Every change of the folder (create, write, truncate, link, rename, unlink, mkdir, rmdir)
   and every fsync is written there with its bytes, in the order in which it happened, under one lock for all processes.
   `disk_mark` writes a line of the program's own among them. disk.py reads it; `record` below is its format.

   $DISK_FAULT names a file: "CALL NAME N PID" (CALL: write, fsync or truncate). While it is there, N such calls of this
   process on files of this name pass, the next is answered EIO without being done, and the file is gone: once.

   What a process starts gets the disk too, whatever environment its parent chose for it. Memory that is mapped
   (SQLite's -shm) is not seen; a power cut takes it anyway. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
enum { NAMES = 4 };

static const char *const names[NAMES] = {"LD_PRELOAD", "DISK_ROOT", "DISK_JOURNAL", "DISK_FAULT"};
static char kept[NAMES][PATH_MAX + 32]; /* NAME=VALUE, for what this process starts */
static const char *root, *fault;
static size_t root_length;
static int journal = -1, seen;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
extern char **environ;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static const char *value_of(int number) {
    const char *value = getenv(names[number]);
    if (value == NULL) return NULL;
    snprintf(kept[number], sizeof kept[number], "%s=%s", names[number], value);
    return kept[number] + strlen(names[number]) + 1;
}

__attribute__((constructor)) static void begin(void) {
    value_of(0);
    root = value_of(1);
    root_length = root ? strlen(root) : 0;
    const char *file = value_of(2);
    fault = value_of(3);
    if (root && file) journal = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* One change at a time in all processes, so that the journal's order is the order of what happened. */
static void lock(void) {
    pthread_mutex_lock(&mutex);
    if (journal >= 0) flock(journal, LOCK_EX);
}

static void unlock(void) {
    int before = errno;
    if (journal >= 0) flock(journal, LOCK_UN);
    pthread_mutex_unlock(&mutex);
    errno = before;
}

struct record {
    uint64_t inode, offset;
    uint32_t size, path_size, other_size; /* what follows: the path, the other path, the bytes */
    char kind[4];
};

static void put(struct iovec *part, int parts) {
    while (parts > 0) {
        ssize_t done = syscall(SYS_writev, journal, part, parts);
        if (done < 0) abort(); /* a journal with a hole would accuse the innocent */
        while (parts > 0 && (size_t)done >= part->iov_len) done -= part->iov_len, part++, parts--;
        if (parts > 0) part->iov_base = (char *)part->iov_base + done, part->iov_len -= done;
    }
}

static void tell(char kind, uint64_t inode, uint64_t offset, const char *path, const char *other, const void *data,
                 size_t size) {
    if (journal < 0) return;
    int before = errno;
    struct record head = {inode, offset, size, path ? strlen(path) : 0, other ? strlen(other) : 0, {kind}};
    struct iovec parts[] = {{&head, sizeof head},
                            {(void *)path, head.path_size},
                            {(void *)other, head.other_size},
                            {(void *)data, size}};
    put(parts, 4);
    errno = before;
}

void disk_mark(const void *data, size_t size) {
    lock();
    tell('!', 0, 0, NULL, NULL, data, size);
    unlock();
}

static int is_below(const char *path) {
    if (root == NULL || strncmp(path, root, root_length) != 0) return 0;
    if (path[root_length] != '/' && path[root_length] != 0) return 0;
    size_t length = strlen(path);
    return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

/* Whether an open file lies below the root; its path (as it was, where it is unlinked) and inode. */
static int is_ours(int fd, char *path, uint64_t *inode) {
    if (root == NULL) return 0;
    int before = errno;
    char link[64];
    struct stat found;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    char *gone = strstr(path, " (deleted)");
    if (gone) *gone = 0;
    int ours = length > 0 && is_below(path) && fstat(fd, &found) == 0;
    if (ours) *inode = found.st_ino;
    errno = before;
    return ours;
}

/* Whether a name lies below the root; its absolute path. */
static int is_ours_at(int folder, const char *name, char *path) {
    if (root == NULL) return 0;
    char place[PATH_MAX] = "", link[64] = "/proc/self/cwd";
    if (name[0] != '/') {
        if (folder != AT_FDCWD) snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, place, PATH_MAX - 2);
        place[length > 0 ? length : 0] = 0;
        strcat(place, "/");
    }
    return snprintf(path, PATH_MAX, "%s%s", place, name) < PATH_MAX && is_below(path);
}

/* Whether this call is the one that fails. Under the lock. */
static int fails(const char *call, const char *path) {
    char text[256] = "", which[16], name[128];
    int passes, process;
    if (fault == NULL) return 0;
    int file = syscall(SYS_openat, AT_FDCWD, fault, O_RDONLY | O_CLOEXEC);
    if (file < 0) return seen = 0;
    ssize_t length = read(file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (length <= 0 || sscanf(text, "%15s %127s %d %d", which, name, &passes, &process) != 4) return 0;
    if (process != getpid() || strcmp(which, call) != 0 || strcmp(strrchr(path, '/') + 1, name) != 0) return 0;
    if (seen++ < passes) return 0;
    if (syscall(SYS_unlinkat, AT_FDCWD, fault, 0) != 0) return 0;
    errno = EIO;
    return 1;
}

static int open_one(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    struct stat found;
    if (!(flags & (O_CREAT | O_TRUNC)) || !is_ours_at(folder, name, path))
        return syscall(SYS_openat, folder, name, flags, mode);
    lock();
    int was_there = fstatat(AT_FDCWD, path, &found, 0) == 0;
    int fd = syscall(SYS_openat, folder, name, flags, mode);
    if (fd >= 0 && fstat(fd, &found) == 0) {
        if (!was_there) tell('c', found.st_ino, 0, path, NULL, NULL, 0);
        if (was_there && flags & O_TRUNC) tell('t', found.st_ino, 0, NULL, NULL, NULL, 0);
    }
    unlock();
    return fd;
}

#define MODE(after)                                \
    mode_t mode = 0;                               \
    if (flags & O_CREAT) {                         \
        va_list more;                              \
        va_start(more, after);                     \
        mode = va_arg(more, mode_t);               \
        va_end(more);                              \
    }
int open(const char *name, int flags, ...) { MODE(flags) return open_one(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags) return open_one(AT_FDCWD, name, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE(flags) return open_one(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE(flags) return open_one(folder, name, flags, mode); }

ssize_t write(int fd, const void *data, size_t size) {
    char path[PATH_MAX];
    uint64_t inode;
    if (!is_ours(fd, path, &inode)) return syscall(SYS_write, fd, data, size);
    lock();
    ssize_t done = fails("write", path) ? -1 : syscall(SYS_write, fd, data, size);
    if (done > 0) tell('w', inode, lseek(fd, 0, SEEK_CUR) - done, NULL, NULL, data, done);
    unlock();
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    uint64_t inode;
    if (!is_ours(fd, path, &inode)) return syscall(SYS_pwrite64, fd, data, size, offset);
    lock();
    ssize_t done = fails("write", path) ? -1 : syscall(SYS_pwrite64, fd, data, size, offset);
    if (done > 0) tell('w', inode, offset, NULL, NULL, data, done);
    unlock();
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

int ftruncate64(int fd, off64_t size) {
    char path[PATH_MAX];
    uint64_t inode;
    if (!is_ours(fd, path, &inode)) return syscall(SYS_ftruncate, fd, size);
    lock();
    int failed = fails("truncate", path) ? -1 : syscall(SYS_ftruncate, fd, size);
    if (!failed) tell('t', inode, size, NULL, NULL, NULL, 0);
    unlock();
    return failed;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int sync_one(long call, int fd) {
    char path[PATH_MAX];
    uint64_t inode;
    struct stat found;
    if (!is_ours(fd, path, &inode)) return syscall(call, fd);
    lock();
    int failed = fails("fsync", path) ? -1 : syscall(call, fd);
    char kind = fstat(fd, &found) == 0 && S_ISDIR(found.st_mode) ? 'd' : 's';
    tell(failed ? 'e' : kind, inode, 0, path, NULL, NULL, 0);
    unlock();
    return failed;
}
int fsync(int fd) { return sync_one(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_one(SYS_fdatasync, fd); }

int linkat(int folder, const char *name, int other_folder, const char *other, int flags) {
    char path[PATH_MAX], to[PATH_MAX];
    lock();
    int failed = syscall(SYS_linkat, folder, name, other_folder, other, flags);
    if (!failed && is_ours_at(folder, name, path) && is_ours_at(other_folder, other, to))
        tell('l', 0, 0, path, to, NULL, 0);
    unlock();
    return failed;
}
int link(const char *name, const char *other) { return linkat(AT_FDCWD, name, AT_FDCWD, other, 0); }

int renameat(int folder, const char *name, int other_folder, const char *other) {
    char path[PATH_MAX], to[PATH_MAX];
    lock();
    int failed = syscall(SYS_renameat, folder, name, other_folder, other);
    if (!failed && is_ours_at(folder, name, path) && is_ours_at(other_folder, other, to))
        tell('r', 0, 0, path, to, NULL, 0);
    unlock();
    return failed;
}
int rename(const char *name, const char *other) { return renameat(AT_FDCWD, name, AT_FDCWD, other); }

int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    int ours = is_ours_at(folder, name, path);
    lock();
    int failed = syscall(SYS_unlinkat, folder, name, flags);
    if (!failed && ours) tell('u', 0, 0, path, NULL, NULL, 0);
    unlock();
    return failed;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    int ours = is_ours_at(folder, name, path);
    lock();
    int failed = syscall(SYS_mkdirat, folder, name, mode);
    if (!failed && ours) tell('m', 0, 0, path, NULL, NULL, 0);
    unlock();
    return failed;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int execve(const char *path, char *const given[], char *const seen_there[]) {
    int count = 0, all = 0;
    while (seen_there && seen_there[count]) count++;
    char *more[count + NAMES + 1];
    for (int at = 0; at < count; at++) {
        int is_own = 0;
        for (int name = 0; name < NAMES; name++) {
            size_t length = strlen(names[name]);
            is_own |= strncmp(seen_there[at], names[name], length) == 0 && seen_there[at][length] == '=';
        }
        if (!is_own) more[all++] = seen_there[at];
    }
    for (int name = 0; name < NAMES; name++)
        if (kept[name][0]) more[all++] = kept[name];
    more[all] = NULL;
    return REAL(execve)(path, given, more);
}
int execv(const char *path, char *const given[]) { return execve(path, given, environ); }
