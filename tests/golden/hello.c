// The program whose size and memory are measured, with hakmem and with libc's
// own malloc: hello world, and a few lines that say what the process has. What
// it says about itself is read and written without stdio, so that the numbers
// are those of hello world.
//
//   hello                 prints them after the greeting
//   hello threads N ALLOC N threads that live at the same time; each allocates
//                         ALLOC blocks of 100 bytes
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kMaxThreads = 64 };

static pthread_barrier_t g_turn;

// The number after `key` in a file of /proc, or -1.
static long ReadProc(const char* path, const char* key) {
  char text[3072];
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return -1;
  text[got] = '\0';
  const char* found = strstr(text, key);
  return found == NULL ? -1 : atol(found + strlen(key));
}

static void Say(const char* name, long kib) {
  char line[64];
  char digits[24];
  size_t at = sizeof digits;
  long rest = kib < 0 ? 0 : kib;
  do {
    digits[--at] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  size_t used = strlen(name);
  memcpy(line, name, used);
  line[used++] = ' ';
  memcpy(line + used, digits + at, sizeof digits - at);
  used += sizeof digits - at;
  line[used++] = '\n';
  if (write(1, line, used) != (ssize_t)used) _exit(1);
}

static void SayMemory(void) {
  // Not Private_Dirty: pages of the program's file count as dirty there until
  // the file itself has been written to the disk.
  long own = ReadProc("/proc/self/smaps_rollup", "Anonymous:");
  long size = ReadProc("/proc/self/status", "VmSize:");
  Say("private_kib", own);
  Say("address_space_kib", size);
}

static void* Live(void* context) {
  long count = *(const long*)context;
  // Written as volatile: GCC leaves out what nobody reads of a block.
  for (long i = 0; i < count; ++i) {
    volatile char* block = malloc(100);
    if (block == NULL) _exit(1);
    block[0] = block[99] = 1;
  }
  pthread_barrier_wait(&g_turn);  // memory is read
  pthread_barrier_wait(&g_turn);
  return NULL;
}

static int RunThreads(long count, long blocks) {
  pthread_t threads[kMaxThreads];
  if (count < 1 || count > kMaxThreads) return 2;
  pthread_barrier_init(&g_turn, NULL, (unsigned)count + 1);
  for (long i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, Live, &blocks) != 0) return 1;
  }
  pthread_barrier_wait(&g_turn);
  SayMemory();
  pthread_barrier_wait(&g_turn);
  for (long i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  return 0;
}

int main(int argc, char** argv) {
  puts("hello world");
  fflush(stdout);
  if (argc == 4) return RunThreads(atol(argv[2]), atol(argv[3]));
  SayMemory();
  return 0;
}
