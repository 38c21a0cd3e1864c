// What is served.  Each handler answers through Reply or Fail, exactly once.
//
// Read next: store.c, rules.c, gauges.c

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "tests/daemon/gauges.h"
#include "tests/daemon/server.h"

enum { kSentence = 256, kMaxBatch = 64, kDefaultLimit = 20, kMaxLimit = 500 };

struct Exchange {
  struct evhttp_request* request;
  struct Worker* worker;
  struct evkeyvalq parameters;
};

static void Reply(struct Exchange* exchange, int code, const char* type,
                  struct evbuffer* body) {
  struct evkeyvalq* headers =
      evhttp_request_get_output_headers(exchange->request);
  char index[16];
  snprintf(index, sizeof index, "%d", exchange->worker->index);
  evhttp_add_header(headers, "Content-Type", type);
  evhttp_add_header(headers, "X-Worker", index);
  if (code >= 500) ++exchange->worker->server->failures;
  evhttp_send_reply(exchange->request, code, NULL, body);
}

// Answers {"error": sentence}; the sentence may hold anything.
static void Fail(struct Exchange* exchange, int code, const char* sentence) {
  struct evbuffer* body = evbuffer_new();
  if (body != NULL) {
    evbuffer_add(body, "{\"error\":\"", 10);
    for (const char* c = sentence; *c != '\0'; ++c) {
      if (*c == '"' || *c == '\\') {
        evbuffer_add_printf(body, "\\%c", *c);
      } else if ((unsigned char)*c < ' ') {
        evbuffer_add_printf(body, "\\u%04x", (unsigned)*c);
      } else {
        evbuffer_add(body, c, 1);
      }
    }
    evbuffer_add(body, "\"}\n", 3);
  }
  Reply(exchange, code, "application/json", body);
  if (body != NULL) evbuffer_free(body);
}

static void ReplyJson(struct Exchange* exchange, const char* format, ...) {
  struct evbuffer* body = evbuffer_new();
  va_list arguments;
  va_start(arguments, format);
  int length =
      body == NULL ? -1 : evbuffer_add_vprintf(body, format, arguments);
  va_end(arguments);
  if (length < 0) {
    Fail(exchange, 503, "out of memory");
  } else {
    Reply(exchange, 200, "application/json", body);
  }
  if (body != NULL) evbuffer_free(body);
}

// A whole number >= 0 of the query string; `otherwise` if it is not given, -1
// if it is no number.
static int64_t NumberParameter(struct Exchange* exchange, const char* name,
                               int64_t otherwise) {
  const char* text = evhttp_find_header(&exchange->parameters, name);
  if (text == NULL) return otherwise;
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 18 || text[digits] != '\0') return -1;
  return strtoll(text, NULL, 10);
}

// The source of the query string, or NULL after having answered.
static const char* Source(struct Exchange* exchange) {
  const char* source = evhttp_find_header(&exchange->parameters, "source");
  if (source == NULL || *source == '\0') {
    Fail(exchange, 400, "source is missing");
    return NULL;
  }
  return source;
}

static int CodeOf(enum Verdict verdict) {
  switch (verdict) {
    case kMalformed:
      return 400;
    case kRejected:
      return 422;
    default:
      return 503;
  }
}

static void IngestOne(struct Exchange* exchange, const char* source,
                      const char* text, size_t length) {
  struct Server* server = exchange->worker->server;
  char why[kSentence];
  struct Record* record = NULL;
  enum Verdict verdict = RulesApply(exchange->worker->rules, text, length,
                                    &record, why, sizeof why);
  int64_t id = 0;
  if (verdict != kAccepted) {
    ++server->rejected;
    Fail(exchange, CodeOf(verdict), why);
  } else if (StoreInsert(server->store, source, &record, 1, &id) != kStored) {
    Fail(exchange, 503, "the store failed");
  } else {
    ++server->accepted;
    ReplyJson(exchange,
              "{\"id\":%lld,\"at\":%lld,\"readings\":%zu,\"alerts\":%zu,"
              "\"sum\":%lld,\"text_bytes\":%lld}\n",
              (long long)id, (long long)record->at, record->reading_count,
              record->alert_count, (long long)record->sum,
              (long long)record->text_bytes);
  }
  RecordFree(record);
}

// Applies the rules to each line.  Returns how many were accepted, -1 when out
// of memory.
static int ApplyLines(struct Exchange* exchange, char* text, size_t length,
                      struct Record** records, int* rejected) {
  char why[kSentence];
  int accepted = 0;
  char* end = text + length;
  while (text < end) {
    char* stop = memchr(text, '\n', (size_t)(end - text));
    if (stop == NULL) stop = end;
    struct Record* record = NULL;
    enum Verdict verdict =
        RulesApply(exchange->worker->rules, text, (size_t)(stop - text),
                   &record, why, sizeof why);
    if (verdict == kExhausted) return -1;
    if (record == NULL) ++*rejected;
    if (record != NULL) records[accepted++] = record;
    text = stop + 1;
  }
  return accepted;
}

static void IngestLines(struct Exchange* exchange, const char* source,
                        char* text, size_t length) {
  struct Server* server = exchange->worker->server;
  struct Record* records[kMaxBatch] = {NULL};
  int rejected = 0;
  int64_t first = 0;
  int accepted = ApplyLines(exchange, text, length, records, &rejected);
  if (accepted < 0) {
    Fail(exchange, 503, "out of memory");
  } else if (StoreInsert(server->store, source, records, (size_t)accepted,
                         &first) != kStored) {
    Fail(exchange, 503, "the store failed");
  } else {
    server->accepted += accepted;
    server->rejected += rejected;
    ReplyJson(exchange, "{\"first\":%lld,\"accepted\":%d,\"rejected\":%d}\n",
              (long long)first, accepted, rejected);
  }
  for (int i = 0; i < kMaxBatch; ++i) RecordFree(records[i]);
}

static void Ingest(struct Exchange* exchange) {
  const char* source = Source(exchange);
  if (source == NULL) return;
  struct evbuffer* body = evhttp_request_get_input_buffer(exchange->request);
  size_t length = evbuffer_get_length(body);
  char* text = (char*)evbuffer_pullup(body, -1);
  if (text == NULL && length > 0) {
    Fail(exchange, 503, "out of memory");
    return;
  }
  while (length > 0 && text[length - 1] == '\n') --length;
  if (length == 0) {
    Fail(exchange, 400, "there is no record in the request");
    return;
  }
  int lines = 1;
  for (size_t i = 0; i < length; ++i) lines += text[i] == '\n';
  if (lines > kMaxBatch) {
    Fail(exchange, 413, "more than 64 lines in one request");
  } else if (lines > 1) {
    IngestLines(exchange, source, text, length);
  } else {
    IngestOne(exchange, source, text, length);
  }
}

static void Answer(struct Exchange* exchange, const struct Query* query) {
  if (query->id < 0 || query->limit < 0 || query->limit > kMaxLimit) {
    Fail(exchange, 400, "id and limit are whole numbers, limit up to 500");
    return;
  }
  char* answer = NULL;
  enum StoreResult result =
      StoreAnswer(exchange->worker->server->store, query, &answer);
  if (result == kStored) {
    ReplyJson(exchange, "%s\n", answer);
  } else if (result == kNotFound) {
    Fail(exchange, 404, "there is no such record");
  } else {
    Fail(exchange, 503, "the store failed");
  }
  free(answer);
}

static void Ask(struct Exchange* exchange) {
  struct Query query = {.question = kRecordsOfSource};
  if ((query.source = Source(exchange)) == NULL) return;
  query.device = evhttp_find_header(&exchange->parameters, "device");
  query.id = NumberParameter(exchange, "id", 0);
  query.limit = NumberParameter(exchange, "limit", kDefaultLimit);
  if (evhttp_find_header(&exchange->parameters, "id") != NULL) {
    query.question = kOneRecord;
  } else if (query.device != NULL) {
    query.question = kRecordsOfDevice;
  } else if (NumberParameter(exchange, "summary", 0) == 1) {
    query.question = kSummaryOfSource;
  }
  Answer(exchange, &query);
}

static void AskAlerts(struct Exchange* exchange) {
  struct Query query = {.question = kAlertsOfSource};
  if ((query.source = Source(exchange)) == NULL) return;
  query.limit = NumberParameter(exchange, "limit", kDefaultLimit);
  Answer(exchange, &query);
}

static void Trim(struct Exchange* exchange) {
  const char* source = Source(exchange);
  if (source == NULL) return;
  int64_t keep = NumberParameter(exchange, "keep", -1);
  int64_t deleted = 0;
  if (keep < 0) {
    Fail(exchange, 400, "keep, a whole number, is missing");
  } else if (StoreTrim(exchange->worker->server->store, source, keep,
                       &deleted) != kStored) {
    Fail(exchange, 503, "the store failed");
  } else {
    ReplyJson(exchange, "{\"deleted\":%lld}\n", (long long)deleted);
  }
}

static void Gauges(struct Exchange* exchange) {
  const char* format = evhttp_find_header(&exchange->parameters, "format");
  enum GaugeFormat kind = kGaugeText;
  if (format != NULL && strcmp(format, "json") == 0) {
    kind = kGaugeJson;
  } else if (format != NULL && strcmp(format, "text") != 0) {
    Fail(exchange, 400, "format is text or json");
    return;
  }
  struct evbuffer* body = evbuffer_new();
  if (body == NULL || WriteGauges(exchange->worker->server, kind, body) != 0) {
    Fail(exchange, 503, "no gauges");
  } else {
    Reply(exchange, 200, kind == kGaugeJson ? "application/json" : "text/plain",
          body);
  }
  if (body != NULL) evbuffer_free(body);
}

static void Route(struct Exchange* exchange, const char* path) {
  static const struct {
    const char* path;
    enum evhttp_cmd_type method;
    void (*handle)(struct Exchange*);
  } kRoutes[] = {
      {"/ingest", EVHTTP_REQ_POST, Ingest},
      {"/query", EVHTTP_REQ_GET, Ask},
      {"/alerts", EVHTTP_REQ_GET, AskAlerts},
      {"/records", EVHTTP_REQ_DELETE, Trim},
      {"/gauges", EVHTTP_REQ_GET, Gauges},
  };
  enum evhttp_cmd_type method = evhttp_request_get_command(exchange->request);
  for (size_t i = 0; i < sizeof kRoutes / sizeof kRoutes[0]; ++i) {
    if (strcmp(path, kRoutes[i].path) != 0) continue;
    if (method != kRoutes[i].method) {
      Fail(exchange, 405, "this path has another method");
      return;
    }
    kRoutes[i].handle(exchange);
    return;
  }
  Fail(exchange, 404, "there is no such path");
}

void HandleRequest(struct evhttp_request* request, void* argument) {
  struct Exchange exchange = {.request = request, .worker = argument};
  ++exchange.worker->server->requests;
  const struct evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  const char* query = evhttp_uri_get_query(uri);
  const char* path = evhttp_uri_get_path(uri);
  if (query != NULL && evhttp_parse_query_str(query, &exchange.parameters)) {
    TAILQ_INIT(&exchange.parameters);
    Fail(&exchange, 400, "the query is malformed");
  } else {
    if (query == NULL) TAILQ_INIT(&exchange.parameters);
    Route(&exchange, path == NULL ? "" : path);
  }
  evhttp_clear_headers(&exchange.parameters);
}
