#include "streaming/listening.hpp"

#include <charconv>
#include <chrono>
#include <utility>

namespace millrace {

streaming_listener::~streaming_listener() = default;

namespace detail {
namespace {

time_point_ms batch_time_of(const event& happened) {
  return time_point_ms(std::chrono::milliseconds(happened.batch_time));
}

}  // namespace

void publish_measured(event_bus& to, measurement what, std::int64_t batch_time, int stream) {
  event e{.what = event::kind::measured};
  e.batch_time = batch_time;
  e.stream = stream;
  e.text = std::move(what.of);
  e.numbers = std::move(what.numbers);
  to.publish(std::move(e));
}

listening::listening(event_bus& bus, std::shared_ptr<streaming_listener> to)
    : to_(std::move(to)), subscription_(bus.subscribe([this](const event& e) { tell(e); })) {}

void listening::tell(const event& happened) {
  switch (happened.what) {
    case event::kind::streaming_started: return to_->streaming_started({happened.time});
    case event::kind::receiver_started:
    case event::kind::receiver_error:
    case event::kind::receiver_stopped: return tell_of_receiver(happened);
    case event::kind::bad_record: return tell_of_bad_record(happened);
    case event::kind::measured: return tell_of_measurement(happened);
    case event::kind::batch_submitted:
    case event::kind::batch_started:
    case event::kind::batch_completed:
    case event::kind::batch_failed: return tell_of_batch(happened);
    case event::kind::output_operation_started:
    case event::kind::output_operation_completed:
    case event::kind::output_operation_failed: return tell_of_output(happened);
    default: return;
  }
}

void listening::tell_of_receiver(const event& happened) {
  receiver_info& receiver = receivers_[happened.stream];
  receiver.stream_id = static_cast<int>(happened.stream);
  if (happened.what == event::kind::receiver_error) {
    receiver.last_error_message = happened.text;
    receiver.last_error = happened.text;
    receiver.last_error_time = happened.time;
    return to_->receiver_error(receiver);
  }
  receiver.name = happened.text;
  receiver.active = happened.what == event::kind::receiver_started;
  if (receiver.active) to_->receiver_started(receiver);
  else to_->receiver_stopped(receiver);
}

void listening::tell_of_bad_record(const event& happened) {
  bad_record_info info;
  info.stream_id = static_cast<int>(happened.stream);
  if (happened.batch_time != -1) info.batch_time = batch_time_of(happened);
  if (happened.description == "quarantine") info.policy = on_bad_record::quarantine;
  else if (happened.description == "skip") info.policy = on_bad_record::skip;
  info.message = happened.text;
  info.count = happened.records;
  to_->bad_record(info);
}

void listening::tell_of_measurement(const event& happened) {
  measurement_info info;
  info.of = happened.text;
  info.numbers = happened.numbers;
  info.stream_id = static_cast<int>(happened.stream);
  info.batch_time = batch_time_of(happened);
  to_->measured(info);
}

void listening::tell_of_batch(const event& happened) {
  batch_info& info = batches_[happened.batch_time];
  info.batch_time = batch_time_of(happened);
  if (happened.records != -1) info.num_records = happened.records;
  if (happened.what == event::kind::batch_submitted) {
    for (const auto& [of, records] : happened.numbers) {  // "3 socket text localhost:9999"
      stream_input_info input{.num_records = records};
      const char* const end = of.data() + of.size();
      const char* const name = std::from_chars(of.data(), end, input.input_stream_id).ptr;
      if (name != end) input.metadata_description.assign(name + 1, end);
      info.stream_id_to_input_info.insert_or_assign(input.input_stream_id, std::move(input));
    }
    info.submission_time = happened.time;
    return to_->batch_submitted(info);
  }
  if (happened.what == event::kind::batch_started) {
    info.processing_start_time = happened.time;
    info.scheduling_delay = happened.scheduling_delay;
    return to_->batch_started(info);
  }
  if (info.processing_start_time) {  // else it failed while it was made, and never was a batch
    info.processing_end_time = happened.time;
    info.processing_delay = std::chrono::duration_cast<std::chrono::microseconds>(
        happened.time - *info.processing_start_time);
    if (happened.processing_delay.count() != -1) info.processing_delay = happened.processing_delay;
    if (info.scheduling_delay) info.total_delay = *info.scheduling_delay + *info.processing_delay;
    to_->batch_completed(info);
  }
  batches_.erase(happened.batch_time);
}

void listening::tell_of_output(const event& happened) {
  auto& outputs = batches_[happened.batch_time].output_operation_infos;
  const int id = static_cast<int>(happened.output);
  if (happened.what == event::kind::output_operation_started) {
    output_operation_info& info = outputs[id];
    info.batch_time = batch_time_of(happened);
    info.id = id;
    info.name = happened.text;
    info.description = happened.description;
    info.start_time = happened.time;
    return to_->output_operation_started(info);
  }
  const auto found = outputs.find(id);
  if (found == outputs.end()) return;  // it began before anybody listened
  output_operation_info& info = found->second;
  info.end_time = happened.time;
  info.duration = happened.duration;
  if (happened.what == event::kind::output_operation_failed) info.failure_reason = happened.text;
  to_->output_operation_completed(info);
}

}  // namespace detail
}  // namespace millrace
