/* Counts what a process does to the files below a folder, and ends it, or fills its disk, at one of these operations.
 *
 * Preloaded into the program under test (LD_PRELOAD). CRASH_ROOT is the folder. CRASH_AT is the operation, counted from 1,
 * at which CRASH_KIND happens: `kill` ends the process as SIGKILL does, in the middle of a write where it is one; `full`
 * has this operation and all that follow and need room fail with ENOSPC. With CRASH_COUNT, the operations are counted
 * into that file instead.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long done;

/* The next function of that name, which is the C library's. */
#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

static int is_below(const char *path) {
  const char *root = getenv("CRASH_ROOT");
  return root && path && strncmp(path, root, strlen(root)) == 0;
}

/* Whether a path, relative to an open folder or to the current one, lies below the root. */
static int at_is_below(int folder, const char *path) {
  if (!path) return 0;
  if (path[0] == '/') return is_below(path);
  char link[64], whole[PATH_MAX];
  if (folder == AT_FDCWD) {
    if (!getcwd(whole, sizeof whole)) return 0;
    return is_below(whole);
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  ssize_t length = readlink(link, whole, sizeof whole - 1);
  if (length < 0) return 0;
  whole[length] = 0;
  return is_below(whole);
}

static int descriptor_is_below(int file) {
  char link[64], whole[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, whole, sizeof whole - 1);
  if (length < 0) return 0;
  whole[length] = 0;
  return is_below(whole);
}

static void end_here(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

enum { GO_ON, NO_ROOM, IN_THE_MIDDLE };

/* Counts an operation. A kill happens here, but for writes, of which the caller does half. */
static int step(int needs_room, int is_write) {
  long now = atomic_fetch_add(&done, 1) + 1;
  const char *at = getenv("CRASH_AT"), *kind = getenv("CRASH_KIND");
  if (!at || !kind) return GO_ON;
  long wanted = atol(at);
  if (strcmp(kind, "full") == 0) return needs_room && now >= wanted ? NO_ROOM : GO_ON;
  if (now != wanted) return GO_ON;
  if (is_write) return IN_THE_MIDDLE;
  end_here();
  return GO_ON;
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("CRASH_COUNT");
  if (!path) return;
  FILE *file = fopen(path, "w");
  if (file) {
    fprintf(file, "%ld\n", (long)done);
    fclose(file);
  }
}

#define FAIL_WHERE_FULL(condition, needs_room) \
  if ((condition) && step(needs_room, 0) == NO_ROOM) { \
    errno = ENOSPC; \
    return -1; \
  }

static int makes(int flags) { return flags & (O_CREAT | O_TRUNC); }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list list; \
    va_start(list, flags); \
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0; \
    va_end(list); \
    FAIL_WHERE_FULL(makes(flags) && at_is_below(AT_FDCWD, path), 1) \
    return REAL(name)(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    va_list list; \
    va_start(list, flags); \
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0; \
    va_end(list); \
    FAIL_WHERE_FULL(makes(flags) && at_is_below(folder, path), 1) \
    return REAL(name)(folder, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void *bytes, size_t count) {
  if (file > 2 && descriptor_is_below(file)) {
    int what = step(1, 1);
    if (what == NO_ROOM) {
      errno = ENOSPC;
      return -1;
    }
    if (what == IN_THE_MIDDLE) {
      REAL(write)(file, bytes, count / 2);
      end_here();
    }
  }
  return REAL(write)(file, bytes, count);
}

ssize_t copy_file_range(int from, off64_t *in, int to, off64_t *out, size_t count, unsigned flags) {
  FAIL_WHERE_FULL(descriptor_is_below(to), 1)
  return REAL(copy_file_range)(from, in, to, out, count, flags);
}

int mkdir(const char *path, mode_t mode) {
  FAIL_WHERE_FULL(at_is_below(AT_FDCWD, path), 1)
  return REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to) {
  FAIL_WHERE_FULL(at_is_below(AT_FDCWD, to), 0)
  return REAL(rename)(from, to);
}

int linkat(int folder, const char *from, int other, const char *to, int flags) {
  FAIL_WHERE_FULL(at_is_below(other, to), 1)
  return REAL(linkat)(folder, from, other, to, flags);
}

int unlink(const char *path) {
  FAIL_WHERE_FULL(at_is_below(AT_FDCWD, path), 0)
  return REAL(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags) {
  FAIL_WHERE_FULL(at_is_below(folder, path), 0)
  return REAL(unlinkat)(folder, path, flags);
}

int rmdir(const char *path) {
  FAIL_WHERE_FULL(at_is_below(AT_FDCWD, path), 0)
  return REAL(rmdir)(path);
}

int ftruncate64(int file, off64_t length) {
  FAIL_WHERE_FULL(descriptor_is_below(file), 0)
  return REAL(ftruncate64)(file, length);
}

int fsync(int file) {
  FAIL_WHERE_FULL(descriptor_is_below(file), 0)
  return REAL(fsync)(file);
}

int fdatasync(int file) {
  FAIL_WHERE_FULL(descriptor_is_below(file), 0)
  return REAL(fdatasync)(file);
}
