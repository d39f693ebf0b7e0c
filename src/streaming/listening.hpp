// Folds events into what a streaming_listener is told.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "millrace/detail/base/clock.hpp"
#include "millrace/detail/base/events.hpp"
#include "millrace/streaming_listener.hpp"

namespace millrace::detail {

/// Tells one listener while it lives. REQUIRES: destroyed before the bus.
class listening {
 public:
  listening(event_bus& bus, std::shared_ptr<streaming_listener> to);

  const streaming_listener* to() const { return to_.get(); }

 private:
  // On the bus's thread.
  void tell(const event& happened);
  void tell_of_receiver(const event& happened);
  void tell_of_bad_record(const event& happened);
  void tell_of_measurement(const event& happened);
  void tell_of_batch(const event& happened);
  void tell_of_output(const event& happened);

  std::shared_ptr<streaming_listener> to_;
  std::map<std::int64_t, batch_info> batches_;  // that have not ended, by time
  std::map<std::int64_t, receiver_info> receivers_;
  event_bus::subscription subscription_;  // the last: it ends first
};

/// An event of what a source (its stream) or a sink (-1) measured.
void publish_measured(event_bus& to, measurement what, std::int64_t batch_time, int stream);

}  // namespace millrace::detail
