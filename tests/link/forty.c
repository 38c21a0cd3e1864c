// Calls every function of the malloc family and those of libc that allocate,
// looks at what they return, frees it, and prints how many it called. A block
// that came from another heap ends it: hakmem's free refuses it.
#define _GNU_SOURCE
#include <aio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <libintl.h>
#include <locale.h>
#include <malloc.h>
#include <pthread.h>
#include <regex.h>
#include <search.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

// Newer than the C libraries; weak, so that a link without hakmem is possible.
extern void free_sized(void*, size_t) __attribute__((weak));
extern void free_aligned_sized(void*, size_t, size_t) __attribute__((weak));

static int functions;
static int failures;

// Counts one function and tests what it did.
#define CALLED(name, good) Called(name, (good) ? 1 : 0)

static void Called(const char* name, int good) {
  ++functions;
  if (good) return;
  ++failures;
  fprintf(stderr, "forty: %s failed\n", name);
}

// A pointer the compiler knows nothing about: no pair of malloc and free is
// folded away.
static void* Opaque(void* p) {
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}

static int Aligned(void* p, size_t alignment) {
  return p != NULL && (uintptr_t)p % alignment == 0;
}

static int AllZero(const char* p, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (p[i] != 0) return 0;
  }
  return 1;
}

static void MallocFamily(void) {
  char* p = Opaque(malloc(100));
  CALLED("malloc", Aligned(p, 16));
  memset(p, 7, 100);
  CALLED("malloc_usable_size", malloc_usable_size(p) >= 100);
  p = Opaque(realloc(p, 5000));
  CALLED("realloc", p != NULL && p[0] == 7 && p[99] == 7);
  p = Opaque(reallocarray(p, 100, 100));
  CALLED("reallocarray", p != NULL && p[99] == 7);
  free(p);
  p = Opaque(calloc(300, 7));
  CALLED("calloc", p != NULL && AllZero(p, 2100));
  free(p);
  CALLED("free", 1);
  p = Opaque(aligned_alloc(256, 512));
  CALLED("aligned_alloc", Aligned(p, 256));
  free(p);
  p = Opaque(memalign(4096, 10));
  CALLED("memalign", Aligned(p, 4096));
  free(p);
  void* q = NULL;
  CALLED("posix_memalign", posix_memalign(&q, 64, 65) == 0 && Aligned(q, 64));
  free(Opaque(q));
  p = Opaque(valloc(1));
  CALLED("valloc", Aligned(p, (size_t)sysconf(_SC_PAGESIZE)));
  free(p);
  if (free_sized != NULL) {
    free_sized(Opaque(malloc(33)), 33);
    CALLED("free_sized", 1);
    free_aligned_sized(Opaque(aligned_alloc(64, 128)), 64, 128);
    CALLED("free_aligned_sized", 1);
  }
}

#ifdef __GLIBC__
static void GnuFamily(void) {
  void* p = Opaque(pvalloc(1));
  CALLED("pvalloc", Aligned(p, (size_t)sysconf(_SC_PAGESIZE)));
  free(p);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const struct mallinfo old = mallinfo();
#pragma GCC diagnostic pop
  CALLED("mallinfo", old.arena >= 0);
  const struct mallinfo2 info = mallinfo2();
  CALLED("mallinfo2", info.uordblks <= info.arena + info.hblkhd);
  const int option = mallopt(M_ARENA_MAX, 1);
  CALLED("mallopt", option == 0 || option == 1);
  CALLED("malloc_trim", malloc_trim(0) >= 0);
  char* text = NULL;
  size_t size = 0;
  FILE* file = open_memstream(&text, &size);
  CALLED("malloc_info", malloc_info(0, file) == 0);
  fclose(file);
  CALLED("malloc_info's text", size > 0 && text[0] == '<');
  free(text);
  // On standard error, which belongs to the test.
  malloc_stats();
  CALLED("malloc_stats", 1);
}
#else
static void GnuFamily(void) {}
#endif

static void Strings(void) {
  char* s = Opaque(strdup("hello"));
  CALLED("strdup", strcmp(s, "hello") == 0);
  free(s);
  s = Opaque(strndup("hello", 3));
  CALLED("strndup", strcmp(s, "hel") == 0);
  free(s);
  wchar_t* w = Opaque(wcsdup(L"wide"));
  CALLED("wcsdup", wcscmp(w, L"wide") == 0);
  free(w);
  CALLED("asprintf", asprintf(&s, "%s %d", "x", 42) == 4 && s[0] == 'x');
  free(s);
  CALLED("asprintf, wide field", asprintf(&s, "%*d", 70000, 1) == 70000);
  free(s);
  CALLED("sscanf %ms", sscanf("word rest", "%ms", &s) == 1 && s[3] == 'd');
  free(s);
}

static void Streams(const char* path) {
  FILE* file = fopen(path, "w+");
  CALLED("fopen", file != NULL);
  CALLED("setvbuf", setvbuf(file, NULL, _IOFBF, 16384) == 0);
  for (int i = 0; i < 500; ++i) fprintf(file, "line number %d;", i);
  fputc('\n', file);
  CALLED("fflush", fflush(file) == 0);
  rewind(file);
  char* line = NULL;
  size_t room = 0;
  CALLED("getdelim", getdelim(&line, &room, ';', file) == 14);
  CALLED("getline", getline(&line, &room, file) > 7000 && room > 7000);
  free(line);
  fclose(file);
  CALLED("fclose", 1);
  char* text = NULL;
  size_t size = 0;
  file = open_memstream(&text, &size);
  for (int i = 0; i < 3000; ++i) fputs("stream ", file);
  fclose(file);
  CALLED("open_memstream", size == 21000 && text[20999] == ' ');
  free(text);
  wchar_t* wide = NULL;
  file = open_wmemstream(&wide, &size);
  fputws(L"wide", file);
  fclose(file);
  CALLED("open_wmemstream", size == 4 && wcscmp(wide, L"wide") == 0);
  free(wide);
  file = fmemopen(NULL, 100, "w+");
  CALLED("fmemopen", file != NULL && fputs("x", file) >= 0);
  fclose(file);
  file = tmpfile();
  CALLED("tmpfile", file != NULL);
  if (file != NULL) fclose(file);
}

static int CountEntry(const char* path, const struct stat* status, int flag,
                      struct FTW* walk) {
  (void)status, (void)flag, (void)walk;
  return path[0] == '\0';
}

static void Files(const char* directory, const char* path) {
  char* s = Opaque(realpath(directory, NULL));
  CALLED("realpath", s != NULL && s[0] == '/');
  free(s);
  s = Opaque(getcwd(NULL, 0));
  CALLED("getcwd", s != NULL && s[0] == '/');
  free(s);
  s = Opaque(get_current_dir_name());
  CALLED("get_current_dir_name", s != NULL && s[0] == '/');
  free(s);
  s = Opaque(tempnam(directory, "forty"));
  CALLED("tempnam", s != NULL);
  free(s);
  struct dirent** entries = NULL;
  const int found = scandir(directory, &entries, NULL, alphasort);
  CALLED("scandir", found >= 3);
  for (int i = 0; i < found; ++i) free(entries[i]);
  free(entries);
  DIR* dir = opendir(directory);
  CALLED("opendir", dir != NULL && readdir(dir) != NULL);
  closedir(dir);
  glob_t matches;
  CALLED("glob", glob(path, 0, NULL, &matches) == 0 && matches.gl_pathc == 1);
  globfree(&matches);
  CALLED("nftw", nftw(directory, CountEntry, 8, FTW_PHYS) == 0);
  static char buffer[] = "asynchronous";
  struct aiocb request;
  memset(&request, 0, sizeof(request));
  request.aio_fildes = open(path, O_RDWR);
  request.aio_buf = buffer;
  request.aio_nbytes = sizeof(buffer);
  request.aio_sigevent.sigev_notify = SIGEV_NONE;
  const int started = aio_write(&request);
  while (started == 0 && aio_error(&request) == EINPROGRESS) usleep(1000);
  CALLED("aio_write",
         started == 0 && aio_return(&request) == (ssize_t)sizeof(buffer));
  close(request.aio_fildes);
}

static int Compare(const void* a, const void* b) {
  const int left = *(const int*)a;
  const int right = *(const int*)b;
  return (left > right) - (left < right);
}

static int CompareText(const void* a, const void* b) { return strcmp(a, b); }

static void FreeNothing(void* p) { (void)p; }

static void Searching(void) {
  enum { kCount = 20000 };
  int* numbers = Opaque(malloc(kCount * sizeof(int)));
  for (int i = 0; i < kCount; ++i) numbers[i] = (i * 7919) % kCount;
  qsort(numbers, kCount, sizeof(int), Compare);
  CALLED("qsort", numbers[0] == 0 && numbers[kCount - 1] == kCount - 1);
  free(numbers);
  regex_t expression;
  regmatch_t match[2];
  CALLED("regcomp", regcomp(&expression, "a(b+|c*)d", REG_EXTENDED) == 0);
  CALLED("regexec", regexec(&expression, "xabbbd", 2, match, 0) == 0 &&
                        match[1].rm_eo - match[1].rm_so == 3);
  regfree(&expression);
  static char key[] = "key";
  ENTRY entry = {key, key};
  CALLED("hcreate", hcreate(100) != 0);
  CALLED("hsearch",
         hsearch(entry, ENTER) != NULL && hsearch(entry, FIND) != NULL);
  hdestroy();
  void* tree = NULL;
  CALLED("tsearch", tsearch(key, &tree, CompareText) != NULL &&
                        tfind(key, &tree, CompareText) != NULL);
#ifdef __GLIBC__
  tdestroy(tree, FreeNothing);
#else
  FreeNothing(tree);
  tdelete(key, &tree, CompareText);
#endif
}

static void Environment(void) {
  CALLED("setenv", setenv("FORTY", "1", 1) == 0 && getenv("FORTY")[0] == '1');
  static char pair[] = "FORTY_TWO=2";
  CALLED("putenv", putenv(pair) == 0 && getenv("FORTY_TWO")[0] == '2');
  CALLED("unsetenv", unsetenv("FORTY") == 0 && getenv("FORTY") == NULL);
  setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  tzset();
  CALLED("tzset", strcmp(tzname[0], "CET") == 0);
  const time_t now = 1700000000;
  struct tm calendar;
  CALLED("localtime_r", localtime_r(&now, &calendar)->tm_hour == 23);
  CALLED("setlocale", setlocale(LC_ALL, "C") != NULL);
  locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  CALLED("newlocale", locale != (locale_t)0);
  locale_t copy = duplocale(locale);
  CALLED("duplocale", copy != (locale_t)0);
  freelocale(copy);
  freelocale(locale);
  CALLED("bindtextdomain", bindtextdomain("forty", "/nowhere") != NULL);
}

static void Nothing(void) {}

static void* Thread(void* key) {
  void* block = Opaque(calloc(1, 77));
  pthread_setspecific(*(pthread_key_t*)key, block);
  return strdup("from a thread");
}

static void Processes(void) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  CALLED("posix_spawn_file_actions_addopen",
         posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", O_RDONLY,
                                          0) == 0);
  CALLED("posix_spawn_file_actions_adddup2",
         posix_spawn_file_actions_adddup2(&actions, 5, 6) == 0);
  posix_spawn_file_actions_destroy(&actions);
  int registered = 0;
  for (int i = 0; i < 80; ++i) registered += atexit(Nothing) == 0;
  CALLED("atexit", registered == 80);
  CALLED("pthread_atfork", pthread_atfork(Nothing, Nothing, Nothing) == 0);
  // glibc keeps the values of the first 32 keys in the thread itself.
  static pthread_key_t keys[40];
  int made = 0;
  for (int i = 0; i < 40; ++i) made += pthread_key_create(&keys[i], free) == 0;
  CALLED("pthread_key_create", made == 40);
  pthread_t thread;
  char* result = NULL;
  CALLED("pthread_create",
         pthread_create(&thread, NULL, Thread, &keys[39]) == 0);
  CALLED("pthread_join", pthread_join(thread, (void**)&result) == 0 &&
                             strcmp(result, "from a thread") == 0);
  free(result);
  char name[64];
  snprintf(name, sizeof(name), "/forty.%ld", (long)getpid());
  sem_t* semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
  CALLED("sem_open", semaphore != SEM_FAILED || errno == ENOENT ||
                         errno == EACCES || errno == ENOSYS);
  if (semaphore == SEM_FAILED) return;
  sem_close(semaphore);
  sem_unlink(name);
}

int main(void) {
  char directory[] = "/tmp/forty.XXXXXX";
  CALLED("mkdtemp", mkdtemp(directory) != NULL);
  char path[64];
  snprintf(path, sizeof(path), "%s/file", directory);
  MallocFamily();
  GnuFamily();
  Strings();
  Streams(path);
  Files(directory, path);
  Searching();
  Environment();
  Processes();
  unlink(path);
  rmdir(directory);
  printf("forty: %d calls, %d failed\n", functions, failures);
  return failures != 0;
}
