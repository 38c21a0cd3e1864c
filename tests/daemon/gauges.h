// What the process knows about its memory, as a product would serve it.

#ifndef TESTS_DAEMON_GAUGES_H_
#define TESTS_DAEMON_GAUGES_H_

struct Server;
struct evbuffer;

enum GaugeFormat { kGaugeText, kGaugeJson };

// Appends the gauges to `out`.  0, or -1 if out of memory or descriptors.
int WriteGauges(const struct Server* server, enum GaugeFormat format,
                struct evbuffer* out);

#endif  // TESTS_DAEMON_GAUGES_H_
