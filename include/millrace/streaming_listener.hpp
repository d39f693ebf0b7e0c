// Follows a stream: derive from `streaming_listener`, override what you want, add it to the
// context.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/bad_record.hpp"

namespace millrace {

using event_time = std::chrono::sys_time<std::chrono::microseconds>;

struct streaming_started_info {
  event_time time{};
};

struct receiver_info {
  int stream_id = 0;
  std::string name;  ///< "socket text localhost:9999"
  bool active = false;
  std::string location = "localhost";
  std::string executor_id = "driver";
  std::string last_error_message;
  std::string last_error;  ///< with its cause: the same text, which has it already
  std::optional<event_time> last_error_time;
};

struct bad_record_info {
  int stream_id = -1;  ///< of the receiver; -1: it came up in a task
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> batch_time;  ///< where known
  on_bad_record policy = on_bad_record::fail;
  std::string message;     ///< source, reason, position and size; never the record itself
  std::int64_t count = 0;  ///< of bad records that this source has had
};

/// What a connector measured of itself, by name: numbers of a batch, or since it was asked last.
/// Which ones there are says its guide page; those that end in _us are microseconds.
struct measurement {
  std::string of;  ///< "kafka host:9092 clicks"
  std::vector<std::pair<std::string, std::int64_t>> numbers{};
};
struct measurement_info : measurement {
  int stream_id = -1;  ///< of a source; -1: of a sink
  std::chrono::sys_time<std::chrono::milliseconds> batch_time{};
};

struct output_operation_info {
  std::chrono::sys_time<std::chrono::milliseconds> batch_time{};
  int id = 0;               ///< from 0, in the order of registration
  std::string name;         ///< "print"
  std::string description;  ///< "output operation 0 (print)"
  std::optional<event_time> start_time;
  std::optional<event_time> end_time;
  std::optional<std::chrono::microseconds> duration;
  std::optional<std::string> failure_reason;
};

/// What a batch got from a source that receives or can be read again.
struct stream_input_info {
  int input_stream_id = 0;
  std::int64_t num_records = 0;
  std::string metadata_description;  ///< "socket text localhost:9999"
};

struct batch_info {
  std::chrono::sys_time<std::chrono::milliseconds> batch_time{};
  std::map<int, stream_input_info> stream_id_to_input_info;
  std::int64_t num_records = 0;  ///< of all of them
  event_time submission_time{};
  std::optional<event_time> processing_start_time;
  std::optional<event_time> processing_end_time;
  std::optional<std::chrono::microseconds> scheduling_delay;    ///< start less submission
  std::optional<std::chrono::microseconds> processing_delay;    ///< end less start
  std::optional<std::chrono::microseconds> total_delay;         ///< end less submission
  std::map<int, output_operation_info> output_operation_infos;  ///< by their ids, as they begin
};

/// Called in the order of events, one call at a time, on a thread of its own: a slow listener
/// delays no batch (until 65,536 events wait). What a call throws is reported once through the log.
/// A batch that has no job (a stream that slides) has no events. A batch that failed is completed
/// too, with the reason in its output operation.
class streaming_listener {
 public:
  virtual ~streaming_listener();

  virtual void streaming_started(const streaming_started_info&) {}
  virtual void receiver_started(const receiver_info&) {}
  virtual void receiver_error(const receiver_info&) {}
  virtual void receiver_stopped(const receiver_info&) {}
  virtual void bad_record(const bad_record_info&) {}
  /// Of a source when a batch was named, of a sink when it has committed one.
  virtual void measured(const measurement_info&) {}
  virtual void batch_submitted(const batch_info&) {}
  virtual void batch_started(const batch_info&) {}
  virtual void batch_completed(const batch_info&) {}
  virtual void output_operation_started(const output_operation_info&) {}
  virtual void output_operation_completed(const output_operation_info&) {}
};

}  // namespace millrace
