// Box:   stats.   Uses: platform.   Must not know: wrap.
// Holds: the three forms of the totals.
// Locks: none.   Read next: alloc/wrap/entry_points.cc

#include "alloc/stats/report.h"

#include "alloc/base/variant.h"
#include "platform/die.h"

namespace hakmem::stats {
namespace {

struct Field {
  const char* name;
  uint64_t value;
};

// A small buffer in front of a sink.
class Writer {
 public:
  explicit Writer(Sink sink) : sink_(sink) {}
  ~Writer() { Flush(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Writer& Text(const char* text) {
    for (; *text != '\0'; ++text) {
      if (size_ == sizeof(buffer_)) Flush();
      buffer_[size_++] = *text;
    }
    return *this;
  }
  Writer& Number(uint64_t value) {
    char digits[21];
    char* p = digits + sizeof(digits) - 1;
    *p = '\0';
    do {
      *--p = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return Text(p);
  }

 private:
  void Flush() {
    if (size_ > 0) sink_.write(sink_.context, buffer_, size_);
    size_ = 0;
  }
  Sink sink_;
  size_t size_ = 0;
  char buffer_[512];
};

constexpr unsigned kFields = 15;
struct Fields {
  Field field[kFields];
};
Fields FieldsOf(const Totals& t) {
  return {{{"live", t.live},
           {"cached", t.cached},
           {"committed", t.committed},
           {"dirty", t.dirty},
           {"mapped", t.mapped},
           {"peak_mapped", t.peak_mapped},
           {"purged", t.purged},
           {"metadata", t.metadata},
           {"large_blocks", t.large_blocks},
           {"large_bytes", t.large_bytes},
           {"huge_blocks", t.huge_blocks},
           {"huge_bytes", t.huge_bytes},
           {"heaps", t.heaps},
           {"slabs_from_pool", t.slabs_from_pool},
           {"slabs_from_mapping", t.slabs_from_mapping}}};
}

void WriteToFd(void* context, const char* text, size_t bytes) {
  platform::WriteAll(*static_cast<const int*>(context), text, bytes);
}

}  // namespace

Sink FdSink(const int* fd) { return {WriteToFd, const_cast<int*>(fd)}; }

void WriteText(const Totals& totals, Sink sink) {
  Writer out(sink);
  out.Text("hakmem ").Text(kVariant.name).Text("\n");
  for (const Field& f : FieldsOf(totals).field) {
    out.Text(f.name).Text(" ").Number(f.value).Text("\n");
  }
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    const ClassTotals& sum = totals.classes[c];
    if (sum.slabs == 0) continue;
    out.Text("class ").Number(tiny::kStride[c]).Text(": slabs ");
    out.Number(sum.slabs).Text(", used ").Number(sum.used);
    out.Text(", cached ").Number(sum.cached).Text("\n");
  }
}

void WriteJson(const Totals& totals, Sink sink) {
  Writer out(sink);
  out.Text("{\"variant\":\"").Text(kVariant.name).Text("\"");
  for (const Field& f : FieldsOf(totals).field) {
    out.Text(",\"").Text(f.name).Text("\":").Number(f.value);
  }
  out.Text(",\"classes\":[");
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    const ClassTotals& sum = totals.classes[c];
    out.Text(c == 0 ? "{\"stride\":" : ",{\"stride\":");
    out.Number(tiny::kStride[c]).Text(",\"slabs\":").Number(sum.slabs);
    out.Text(",\"used\":").Number(sum.used);
    out.Text(",\"cached\":").Number(sum.cached).Text("}");
  }
  out.Text("]}\n");
}

void WriteXml(const Totals& totals, Sink sink) {
  Writer out(sink);
  out.Text("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n");
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    const ClassTotals& sum = totals.classes[c];
    if (sum.slabs == 0) continue;
    out.Text("  <size from=\"");
    out.Number(c == 0 ? 0 : tiny::UsableBytes(c - 1) + 1);
    out.Text("\" to=\"").Number(tiny::UsableBytes(c));
    out.Text("\" total=\"").Number(sum.used * tiny::kStride[c]);
    out.Text("\" count=\"").Number(sum.used).Text("\"/>\n");
  }
  out.Text("</sizes>\n</heap>\n");
  out.Text("<total type=\"fast\" count=\"0\" size=\"");
  out.Number(totals.cached).Text("\"/>\n<total type=\"rest\" count=\"0\"");
  out.Text(" size=\"").Number(totals.dirty).Text("\"/>\n");
  out.Text("<total type=\"mmap\" count=\"").Number(totals.huge_blocks);
  out.Text("\" size=\"").Number(totals.huge_bytes).Text("\"/>\n");
  out.Text("<system type=\"current\" size=\"").Number(totals.mapped);
  out.Text("\"/>\n<system type=\"max\" size=\"").Number(totals.peak_mapped);
  out.Text("\"/>\n<aspace type=\"total\" size=\"").Number(totals.mapped);
  out.Text("\"/>\n<aspace type=\"mprotect\" size=\"").Number(totals.mapped);
  out.Text("\"/>\n</malloc>\n");
}

}  // namespace hakmem::stats
