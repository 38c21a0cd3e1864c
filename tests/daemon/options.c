#include "tests/daemon/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char kHelp[] =
    "telemetryd: takes telemetry over HTTP on 127.0.0.1, runs rules in Lua\n"
    "over each record, stores it in SQLite, answers queries.\n"
    "  --rules=FILE   the rules, with json.lua next to them (required)\n"
    "  --port=N       0 to 65535; 0, the default, is any free port\n"
    "  --workers=N    1 to 16 threads (default 2)\n"
    "  --db=FILE      the database (default :memory:)\n"
    "POST /ingest?source=S   one record, or several, one a line\n"
    "GET /query?source=S     [&id=N | &device=D | &summary=1] [&limit=N]\n"
    "GET /alerts?source=S    [&limit=N]\n"
    "DELETE /records?source=S&keep=N\n"
    "GET /gauges             [?format=text | ?format=json]\n";

static _Noreturn void Refuse(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("telemetryd: ", stderr);
  vfprintf(stderr, format, arguments);
  fputs(" Try --help.\n", stderr);
  va_end(arguments);
  exit(2);
}

static int Number(const char* flag, const char* text, long low, long high) {
  char* end = NULL;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || errno != 0 || value < low ||
      value > high) {
    Refuse("%s wants a number from %ld to %ld, not '%s'.", flag, low, high,
           text);
  }
  return (int)value;
}

// The text behind "--name=" if `argument` begins with that, else NULL.
static const char* Value(const char* argument, const char* flag) {
  size_t length = strlen(flag);
  if (strncmp(argument, flag, length) != 0 || argument[length] != '=') {
    return NULL;
  }
  return argument + length + 1;
}

void ParseOptions(int argc, char** argv, struct Options* options) {
  *options = (struct Options){.workers = 2, .database = ":memory:"};
  for (int i = 1; i < argc; ++i) {
    const char* value = NULL;
    if (strcmp(argv[i], "--help") == 0) {
      fputs(kHelp, stdout);
      exit(0);
    } else if ((value = Value(argv[i], "--port")) != NULL) {
      options->port = Number("--port", value, 0, 65535);
    } else if ((value = Value(argv[i], "--workers")) != NULL) {
      options->workers = Number("--workers", value, 1, kMaxWorkers);
    } else if ((value = Value(argv[i], "--rules")) != NULL) {
      options->rules = value;
    } else if ((value = Value(argv[i], "--db")) != NULL) {
      options->database = value;
    } else {
      Refuse("There is no option '%s'.", argv[i]);
    }
  }
  if (options->rules == NULL) Refuse("Which rules? --rules=FILE is missing.");
}
