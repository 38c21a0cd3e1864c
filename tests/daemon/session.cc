#include "tests/daemon/session.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "hakmem.h"

namespace hakmem_daemon {
namespace {

// Records held by a connection swing between these two, as in a device that
// uploads its backlog: memory rises and falls.
constexpr size_t kHighWater = 500;
constexpr size_t kLowWater = 100;

constexpr size_t kMaxBatch = 12;
constexpr size_t kMaxList = 40;
constexpr int kMaxConnects = 500;

bool Same(const JsonValue& json, absl::string_view key, int64_t value) {
  const absl::optional<int64_t> found = json.Integer(key);
  return found.has_value() && *found == value;
}

}  // namespace

Session::Session(uint16_t port, int index, uint64_t seed,
                 const std::vector<ReplayRecord>* data)
    : data_(*data),
      index_(index),
      source_(absl::StrCat("c", index)),
      next_(static_cast<size_t>(index) * 251),
      random_(seed + static_cast<uint64_t>(index)),
      client_(port) {}

bool Session::Fail(absl::string_view what) {
  error_ = absl::StrCat("connection ", index_, ": ", request_, ": ", what,
                        "; the answer was ", answer_.code, " ",
                        absl::string_view(answer_.body).substr(0, 300));
  return false;
}

size_t Session::Draw(size_t below) {
  return static_cast<size_t>(random_() % below);
}

const ReplayRecord& Session::NextRecord() {
  return data_[next_++ % data_.size()];
}

bool Session::Open() {
  for (int i = 0; i < kMaxConnects; ++i) {
    JsonValue gauges;
    if (!client_.Connect()) return Fail("cannot connect");
    if (!Send("GET", "/gauges?format=json", "") || !Expect(200, &gauges)) {
      return false;
    }
    const int64_t workers = gauges.Integer("workers").value_or(0);
    if (workers < 1) return Fail("the gauges do not say how many workers");
    if (answer_.worker == index_ % workers) {
      latencies_ns_.clear();
      return true;
    }
  }
  return Fail("no connection was dealt to the right worker");
}

bool Session::Send(absl::string_view method, absl::string_view target,
                   absl::string_view body) {
  request_ = absl::StrCat(method, " ", target);
  answer_ = HttpAnswer();
  const auto start = std::chrono::steady_clock::now();
  if (!client_.Exchange(method, target, body, &answer_)) {
    return Fail("the connection broke");
  }
  const auto taken = std::chrono::steady_clock::now() - start;
  latencies_ns_.push_back(
      std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count());
  return true;
}

bool Session::Expect(int code, JsonValue* json) {
  if (answer_.code != code) return Fail(absl::StrCat("expected ", code));
  absl::optional<JsonValue> parsed = ParseJson(answer_.body);
  if (!parsed) return Fail("that is no JSON");
  *json = *std::move(parsed);
  return true;
}

bool Session::Step() {
  if (stored_.size() > kHighWater) return Trim(kLowWater);
  struct Choice {
    size_t weight;
    bool (Session::*step)();
  };
  static constexpr Choice kMix[] = {
      {50, &Session::IngestOne},   {6, &Session::IngestBatch},
      {2, &Session::IngestBroken}, {10, &Session::QueryRecord},
      {2, &Session::QueryTrimmed}, {8, &Session::QueryList},
      {12, &Session::QueryDevice}, {3, &Session::QuerySummary},
      {4, &Session::QueryAlerts},  {3, &Session::QueryGauges},
  };
  size_t draw = Draw(100);
  for (const Choice& choice : kMix) {
    if (draw < choice.weight) return (this->*choice.step)();
    draw -= choice.weight;
  }
  return Fail("the weights of the mix are not 100");
}

bool Session::IngestOne() {
  const ReplayRecord& record = NextRecord();
  if (!Send("POST", absl::StrCat("/ingest?source=", source_), record.json)) {
    return false;
  }
  JsonValue json;
  if (record.rejected) return Expect(422, &json);
  if (!Expect(200, &json)) return false;
  const int64_t id = json.Integer("id").value_or(0);
  if (id <= last_id_) return Fail("the id did not grow");
  last_id_ = id;
  stored_.push_back({id, &record});
  return CheckRecord(json, stored_.back());
}

bool Session::IngestBatch() {
  std::string body;
  std::vector<const ReplayRecord*> good;
  const size_t count = 2 + Draw(kMaxBatch - 1);
  for (size_t i = 0; i < count; ++i) {
    const ReplayRecord& record = NextRecord();
    absl::StrAppend(&body, record.json, "\n");
    if (!record.rejected) good.push_back(&record);
  }
  if (!Send("POST", absl::StrCat("/ingest?source=", source_), body)) {
    return false;
  }
  JsonValue json;
  if (!Expect(200, &json)) return false;
  if (!Same(json, "accepted", static_cast<int64_t>(good.size())) ||
      !Same(json, "rejected", static_cast<int64_t>(count - good.size()))) {
    return Fail("wrong counts");
  }
  if (good.empty()) return true;
  int64_t id = json.Integer("first").value_or(0);
  if (id <= last_id_) return Fail("the id did not grow");
  for (const ReplayRecord* record : good) stored_.push_back({id++, record});
  last_id_ = id - 1;
  return true;
}

bool Session::IngestBroken() {
  const std::string& whole = NextRecord().json;
  const absl::string_view broken(whole.data(), 1 + Draw(whole.size() - 1));
  JsonValue json;
  return Send("POST", absl::StrCat("/ingest?source=", source_), broken) &&
         Expect(400, &json);
}

bool Session::QueryRecord() {
  if (stored_.empty()) return IngestOne();
  const Stored& stored = stored_[Draw(stored_.size())];
  JsonValue json;
  if (!Send("GET", absl::StrCat("/query?source=", source_, "&id=", stored.id),
            "") ||
      !Expect(200, &json)) {
    return false;
  }
  const JsonValue* doc = json.Find("doc");
  const JsonValue* readings =
      doc == nullptr ? nullptr : doc->Find("normalised");
  if (readings == nullptr ||
      static_cast<int64_t>(readings->items.size()) != stored.record->readings) {
    return Fail("the document has lost readings");
  }
  return Same(json, "id", stored.id) ? CheckRecord(json, stored)
                                     : Fail("another record");
}

bool Session::QueryTrimmed() {
  if (trimmed_id_ == 0) return QueryRecord();
  JsonValue json;
  return Send("GET",
              absl::StrCat("/query?source=", source_, "&id=", trimmed_id_),
              "") &&
         Expect(404, &json);
}

bool Session::CheckRecord(const JsonValue& json, const Stored& stored) {
  const ReplayRecord& record = *stored.record;
  return (Same(json, "at", record.at) &&
          Same(json, "readings", record.readings) &&
          Same(json, "alerts", record.alerts) &&
          Same(json, "sum", record.sum) &&
          Same(json, "text_bytes", record.text_bytes)) ||
         Fail("the record differs from what was sent");
}

bool Session::CheckList(const JsonValue& json,
                        const std::vector<Stored>& expected) {
  const JsonValue* records = json.Find("records");
  if (records == nullptr || records->items.size() != expected.size()) {
    return Fail(absl::StrCat("expected ", expected.size(), " records"));
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const JsonValue& item = records->items[i];
    const JsonValue* device = item.Find("device");
    if (!Same(item, "id", expected[i].id) || device == nullptr ||
        device->text != expected[i].record->device) {
      return Fail(absl::StrCat("item ", i, " is another record"));
    }
    if (!CheckRecord(item, expected[i])) return false;
  }
  return true;
}

bool Session::QueryList() {
  const size_t limit = 1 + Draw(kMaxList);
  const size_t count = std::min(limit, stored_.size());
  const std::vector<Stored> expected(
      stored_.rbegin(), stored_.rbegin() + static_cast<std::ptrdiff_t>(count));
  JsonValue json;
  return Send("GET", absl::StrCat("/query?source=", source_, "&limit=", limit),
              "") &&
         Expect(200, &json) && CheckList(json, expected);
}

bool Session::QueryDevice() {
  if (stored_.empty()) return IngestOne();
  const std::string& device = stored_[Draw(stored_.size())].record->device;
  const size_t limit = 1 + Draw(kMaxList);
  std::vector<Stored> expected;
  for (auto it = stored_.rbegin();
       it != stored_.rend() && expected.size() < limit; ++it) {
    if (it->record->device == device) expected.push_back(*it);
  }
  JsonValue json;
  return Send("GET",
              absl::StrCat("/query?source=", source_, "&device=", device,
                           "&limit=", limit),
              "") &&
         Expect(200, &json) && CheckList(json, expected);
}

bool Session::QuerySummary() {
  ReplayRecord total;
  for (const Stored& stored : stored_) {
    total.readings += stored.record->readings;
    total.alerts += stored.record->alerts;
    total.sum += stored.record->sum;
    total.text_bytes += stored.record->text_bytes;
  }
  JsonValue json;
  if (!Send("GET", absl::StrCat("/query?source=", source_, "&summary=1"), "") ||
      !Expect(200, &json)) {
    return false;
  }
  int64_t counted = 0;
  const JsonValue* quantities = json.Find("quantities");
  if (quantities == nullptr) return Fail("no quantities");
  for (const JsonValue& quantity : quantities->items) {
    counted += quantity.Integer("count").value_or(0);
  }
  return (Same(json, "records", static_cast<int64_t>(stored_.size())) &&
          Same(json, "readings", total.readings) &&
          Same(json, "alerts", total.alerts) && Same(json, "sum", total.sum) &&
          Same(json, "text_bytes", total.text_bytes) &&
          counted == total.readings) ||
         Fail("the summary is wrong");
}

bool Session::QueryAlerts() {
  const size_t limit = 1 + Draw(kMaxList);
  std::vector<int64_t> expected;
  for (auto it = stored_.rbegin(); it != stored_.rend(); ++it) {
    expected.insert(expected.end(), static_cast<size_t>(it->record->alerts),
                    it->id);
  }
  expected.resize(std::min(expected.size(), limit));
  JsonValue json;
  if (!Send("GET", absl::StrCat("/alerts?source=", source_, "&limit=", limit),
            "") ||
      !Expect(200, &json)) {
    return false;
  }
  const JsonValue* alerts = json.Find("alerts");
  if (alerts == nullptr || alerts->items.size() != expected.size()) {
    return Fail(absl::StrCat("expected ", expected.size(), " alerts"));
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!Same(alerts->items[i], "record", expected[i])) {
      return Fail(absl::StrCat("alert ", i, " is of another record"));
    }
  }
  return true;
}

namespace {

// What hakmem promises of its numbers, while all threads are at work. A daemon
// with libc's malloc has no heap to speak of.
bool HeapIsSound(const JsonValue& gauges) {
  const JsonValue* heap = gauges.Find("heap");
  if (heap == nullptr) return true;
  const int64_t live = heap->Integer("live").value_or(0);
  const int64_t cached = heap->Integer("cached").value_or(-1);
  const JsonValue* classes = heap->Find("classes");
  const JsonValue* heaps = heap->Find("per_heap");
  if (live <= 0 || cached < 0 || classes == nullptr || heaps == nullptr ||
      live + cached > heap->Integer("committed").value_or(0) ||
      classes->items.size() != HAK_CLASSES || heaps->items.empty()) {
    return false;
  }
  for (const JsonValue& one : heaps->items) {
    if (one.Integer("used").value_or(1) > one.Integer("committed").value_or(0))
      return false;
  }
  return true;
}

}  // namespace

bool Session::QueryGauges() {
  JsonValue json;
  if (Draw(2) == 0) {
    return Send("GET", "/gauges?format=json", "") && Expect(200, &json) &&
           (json.Integer("rss_kib").value_or(0) > 0 || Fail("no rss_kib")) &&
           (HeapIsSound(json) || Fail("the heap's gauges make no sense"));
  }
  return Send("GET", "/gauges", "") &&
         ((answer_.code == 200 &&
           absl::StrContains(answer_.body, "\nrss_kib ")) ||
          Fail("no rss_kib"));
}

bool Session::Trim(size_t keep) {
  JsonValue json;
  if (!Send("DELETE", absl::StrCat("/records?source=", source_, "&keep=", keep),
            "") ||
      !Expect(200, &json)) {
    return false;
  }
  const size_t gone = stored_.size() - std::min(keep, stored_.size());
  if (!Same(json, "deleted", static_cast<int64_t>(gone))) {
    return Fail(absl::StrCat("expected to delete ", gone));
  }
  if (gone > 0) trimmed_id_ = stored_[gone - 1].id;
  stored_.erase(stored_.begin(),
                stored_.begin() + static_cast<std::ptrdiff_t>(gone));
  return true;
}

}  // namespace hakmem_daemon
