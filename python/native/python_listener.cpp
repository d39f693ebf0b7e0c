#include "python_listener.hpp"

#include <optional>

namespace py = pybind11;

namespace millrace::python {

namespace {

std::int64_t ms(event_time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
// -1: not known, as in Spark.
std::int64_t ms(const std::optional<event_time>& time) { return time ? ms(*time) : -1; }
std::int64_t ms(const std::optional<std::chrono::microseconds>& time) {
  return time ? std::chrono::floor<std::chrono::milliseconds>(*time).count() : -1;
}

py::dict dict_of(const receiver_info& info) {
  py::dict d;
  d["streamId"] = info.stream_id;
  d["name"] = info.name;
  d["active"] = info.active;
  d["lastErrorMessage"] = info.last_error_message;
  d["lastErrorTime"] = ms(info.last_error_time);
  return d;
}

py::dict dict_of(const output_operation_info& info) {
  py::dict d;
  d["batchTime"] = info.batch_time.time_since_epoch().count();
  d["id"] = info.id;
  d["description"] = info.description;
  d["startTime"] = ms(info.start_time);
  d["endTime"] = ms(info.end_time);
  d["failureReason"] = info.failure_reason ? py::object(py::str(*info.failure_reason)) : py::none();
  return d;
}

py::dict dict_of(const batch_info& info) {
  py::dict d;
  d["batchTime"] = info.batch_time.time_since_epoch().count();
  d["numRecords"] = info.num_records;
  d["submissionTime"] = ms(info.submission_time);
  d["processingStartTime"] = ms(info.processing_start_time);
  d["processingEndTime"] = ms(info.processing_end_time);
  d["schedulingDelay"] = ms(info.scheduling_delay);
  d["processingDelay"] = ms(info.processing_delay);
  d["totalDelay"] = ms(info.total_delay);
  py::list outputs;
  for (const auto& [id, one] : info.output_operation_infos) outputs.append(dict_of(one));
  d["outputOperations"] = outputs;
  py::list inputs;
  for (const auto& [id, one] : info.stream_id_to_input_info)
    inputs.append(py::make_tuple(id, one.num_records, one.metadata_description));
  d["inputs"] = inputs;
  return d;
}

template <class Info>
void tell(const held_object& listener, const char* what, const Info& info) {
  if (_Py_IsFinalizing()) return;
  const py::gil_scoped_acquire lock;
  listener->attr("tell")(what, dict_of(info));
}

}  // namespace

void python_listener::streaming_started(const streaming_started_info& info) {
  if (_Py_IsFinalizing()) return;
  const py::gil_scoped_acquire lock;
  py::dict d;
  d["time"] = ms(info.time);
  listener_->attr("tell")("streamingStarted", d);
}
void python_listener::receiver_started(const receiver_info& info) {
  tell(listener_, "receiverStarted", info);
}
void python_listener::receiver_error(const receiver_info& info) {
  tell(listener_, "receiverError", info);
}
void python_listener::receiver_stopped(const receiver_info& info) {
  tell(listener_, "receiverStopped", info);
}
void python_listener::batch_submitted(const batch_info& info) {
  tell(listener_, "batchSubmitted", info);
}
void python_listener::batch_started(const batch_info& info) {
  tell(listener_, "batchStarted", info);
}
void python_listener::batch_completed(const batch_info& info) {
  tell(listener_, "batchCompleted", info);
}
void python_listener::output_operation_started(const output_operation_info& info) {
  tell(listener_, "outputOperationStarted", info);
}
void python_listener::output_operation_completed(const output_operation_info& info) {
  tell(listener_, "outputOperationCompleted", info);
}

}  // namespace millrace::python
