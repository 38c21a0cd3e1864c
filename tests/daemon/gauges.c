// hakmem's functions are weak here: the same object links with libc's malloc,
// and then there is no allocator section.
//
// Read next: handlers.c

#include "tests/daemon/gauges.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/daemon/server.h"

__attribute__((weak)) const char* hak_variant(void);
__attribute__((weak)) int hak_stats_write(int fd, int format);

// A line of /proc/self/status, in KiB; -1 if there is none.
static long StatusKib(const char* key) {
  FILE* status = fopen("/proc/self/status", "re");
  if (status == NULL) return -1;
  char* line = NULL;
  size_t size = 0;
  long value = -1;
  while (value < 0 && getline(&line, &size, status) > 0) {
    size_t length = strlen(key);
    if (strncmp(line, key, length) == 0 && line[length] == ':') {
      value = strtol(line + length + 1, NULL, 10);
    }
  }
  free(line);
  fclose(status);
  return value;
}

// hak_stats_write wants a descriptor: a memory file, read back into `out`.
static int WriteAllocator(enum GaugeFormat format, struct evbuffer* out) {
  int fd = memfd_create("gauges", MFD_CLOEXEC);
  if (fd < 0) return -1;
  int result = hak_stats_write(fd, (int)format) < 0 ? -1 : 0;
  if (result == 0 && lseek(fd, 0, SEEK_SET) != 0) result = -1;
  while (result == 0) {
    int got = evbuffer_read(out, fd, 4096);
    if (got < 0) result = -1;
    if (got <= 0) break;
  }
  close(fd);
  return result;
}

static int WriteText(const struct Server* server, struct evbuffer* out) {
  size_t lua = 0;
  for (int i = 0; i < server->worker_count; ++i) {
    lua += RulesBytes(server->workers[i].rules);
  }
  int length = evbuffer_add_printf(
      out,
      "requests %lld\nrecords_accepted %lld\nrecords_rejected %lld\n"
      "failures %lld\nworkers %d\nrss_kib %ld\npeak_rss_kib %ld\n"
      "lua_bytes %zu\nsqlite_bytes %lld\nallocator %s\n",
      server->requests, server->accepted, server->rejected, server->failures,
      server->worker_count, StatusKib("VmRSS"), StatusKib("VmHWM"), lua,
      (long long)StoreBytes(), hak_variant ? hak_variant() : "libc");
  if (length < 0) return -1;
  return hak_stats_write ? WriteAllocator(kGaugeText, out) : 0;
}

static int WriteJson(const struct Server* server, struct evbuffer* out) {
  size_t lua = 0;
  for (int i = 0; i < server->worker_count; ++i) {
    lua += RulesBytes(server->workers[i].rules);
  }
  int length = evbuffer_add_printf(
      out,
      "{\"requests\":%lld,\"records\":{\"accepted\":%lld,\"rejected\":%lld},"
      "\"failures\":%lld,\"workers\":%d,\"rss_kib\":%ld,\"peak_rss_kib\":%ld,"
      "\"lua_bytes\":%zu,\"sqlite_bytes\":%lld,\"allocator\":\"%s\"",
      server->requests, server->accepted, server->rejected, server->failures,
      server->worker_count, StatusKib("VmRSS"), StatusKib("VmHWM"), lua,
      (long long)StoreBytes(), hak_variant ? hak_variant() : "libc");
  if (length < 0) return -1;
  if (hak_stats_write) {
    evbuffer_add_printf(out, ",\"heap\":");
    if (WriteAllocator(kGaugeJson, out) != 0) return -1;
  }
  return evbuffer_add_printf(out, "}\n") < 0 ? -1 : 0;
}

int WriteGauges(const struct Server* server, enum GaugeFormat format,
                struct evbuffer* out) {
  return format == kGaugeJson ? WriteJson(server, out) : WriteText(server, out);
}
