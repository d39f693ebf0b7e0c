#include "streaming/recovery/checkpoint.hpp"

#include <algorithm>

#include "millrace/error.hpp"

namespace millrace::detail {

std::string in_ms(time_point_ms time) {
  return std::to_string(time.time_since_epoch().count()) + " ms";
}

void apply(const log_record& record, checkpoint& to) {
  const time_point_ms time = record.batch.time;
  if (record.what == log_record::kind::batch) {
    if (time <= to.last)
      throw error("the batch log goes back in time: the batch of " + in_ms(time) +
                  " comes after that of " + in_ms(to.last));
    if (record.batch.ranges.size() != to.inputs.size())
      throw error("the batch of " + in_ms(time) + " has ranges of another number of inputs: " +
                  std::to_string(record.batch.ranges.size()));
    to.last = time;
    to.batches.push_back(record.batch);
    to.batches.back().status = batch_status::pending;
    return;
  }
  const auto found = std::find_if(to.batches.begin(), to.batches.end(),
                                  [&](const logged_batch& one) { return one.time == time; });
  switch (record.what) {
    case log_record::kind::batch: break;
    case log_record::kind::committed:
      to.accumulators = record.accumulators;
      // The checkpoint itself may know it already.
      if (found != to.batches.end()) found->status = batch_status::committed;
      break;
    case log_record::kind::parked:
      if (found == to.batches.end())
        throw error("a batch is parked that never began: " + in_ms(time));
      found->status = batch_status::parked;
      found->reason = record.batch.reason;
      break;
    case log_record::kind::retried:
      if (found != to.batches.end() && found->status == batch_status::parked)
        found->status = batch_status::pending;
      break;
    case log_record::kind::discarded:
      if (found != to.batches.end() && found->status == batch_status::parked)
        to.batches.erase(found);
      break;
  }
}

void forget_done(checkpoint& of) {
  std::erase_if(of.batches, [&](const logged_batch& one) {
    return one.status == batch_status::committed && one.time <= of.as_of;
  });
}

}  // namespace millrace::detail
