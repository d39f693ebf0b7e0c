// The module `_millrace_kafka`: topics for Python's `millrace.kafka`.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "millrace/kafka.hpp"
#include "native/cells.hpp"
#include "native/dataset_object.hpp"
#include "native/pickled.hpp"
#include "native/runner.hpp"

namespace py = pybind11;

namespace millrace::python {

namespace {

using std::chrono::milliseconds;
using time_ms = std::chrono::sys_time<milliseconds>;

// ---- records, as millrace.kafka.Record

void bytes_or_none(std::string_view bytes, bool is_none, pickle_writer& to) {
  if (is_none) to.none();
  else to.bytes(bytes);
}

void write_record(const kafka::record& r, pickle_writer& to) {
  to.begin_object();
  to.mark();
  bytes_or_none(r.key, r.key_is_null, to);
  bytes_or_none(r.value, r.value_is_null, to);
  to.mark();
  for (const kafka::header& h : r.headers) {
    to.text(h.name);
    bytes_or_none(h.value, h.value_is_null, to);
    to.pair();
  }
  to.list();
  to.text(r.topic);
  to.number(r.partition);
  to.number(r.offset);
  to.number(r.timestamp.time_since_epoch().count());
  to.tuple();
  to.end_object();
}

pickling of_records() {
  return {pickle_each<kafka::record, write_record>, nullptr,
          [](pickle_writer& to) { to.named_class("millrace.kafka", "Record"); }};
}

/// The options of `millrace.kafka.topics`.
kafka::topics source_of(const py::dict& o) {
  kafka::topics source;
  source.brokers = o["brokers"].cast<std::string>();
  source.names = o["names"].cast<std::vector<std::string>>();
  source.pattern = o["pattern"].cast<std::string>();
  for (const auto& [topic, partition] :
       o["partitions"].cast<std::vector<std::pair<std::string, int>>>())
    source.partitions.push_back({topic, partition});
  source.group = o["group"].cast<std::string>();
  const py::object start = o["start"];
  if (py::isinstance<py::dict>(start)) {
    kafka::offsets from;
    for (const auto& [where, offset] :
         start.cast<std::map<std::pair<std::string, int>, std::int64_t>>())
      from[{where.first, where.second}] = offset;
    source.start = from;
  } else if (py::isinstance<py::int_>(start)) {
    source.start = kafka::timestamp{time_ms(milliseconds(start.cast<std::int64_t>()))};
  } else if (start.cast<std::string>() == "earliest") {
    source.start = kafka::earliest;
  }
  if (o["on_data_loss"].cast<std::string>() == "skip")
    source.on_data_loss = kafka::on_data_loss::skip;
  if (o["on_missing_topic"].cast<std::string>() == "wait")
    source.on_missing_topic = kafka::on_missing_topic::wait;
  source.discovery = milliseconds(o["discovery_ms"].cast<std::int64_t>());
  source.patience = milliseconds(o["patience_ms"].cast<std::int64_t>());
  source.settings = o["settings"].cast<kafka::librdkafka_settings>();
  return source;
}

stream records(const detail::stream_engine_ptr& engine, const py::dict& options) {
  return {detail::derived_stream(
      {source_of(options).make_stream(engine)}, detail::row_type_of<frame>(), "pickle",
      {{},
       [](const void*, const detail::node_ptr* parents, detail::time_point_ms) {
         return pickled(parents[0], of_records());
       }},
      detail::missing_parent::gives_none)};
}

using offset_facts = std::tuple<std::string, int, std::int64_t, std::int64_t>;

std::vector<offset_facts> offsets_of(const dataset& of) {
  std::vector<offset_facts> all;
  for (const kafka::offset_range& range : detail::kafka::offsets_of(*of.node))
    all.emplace_back(range.topic, range.partition, range.from, range.until);
  return all;
}

dataset read(const runner& r, const py::dict& options, const std::vector<offset_facts>& ranges) {
  std::vector<kafka::offset_range> all;
  for (const auto& [topic, partition, from, until] : ranges)
    all.push_back({topic, partition, from, until});
  return {pickled(detail::kafka::read(r.core(), source_of(options), std::move(all)), of_records())};
}

// ---- messages

/// As millrace/kafka.py has them written.
struct outgoing_cells {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::optional<std::int64_t> partition;
  std::optional<std::int64_t> timestamp;
  std::optional<std::string_view> headers;  // for each: two sizes of 4 bytes, name, value
};

kafka::message message_of(const outgoing_cells& row) {
  kafka::message m;
  if (row.key) m.key.emplace(*row.key);
  if (row.value) m.value.emplace(*row.value);
  if (row.partition) m.partition = static_cast<int>(*row.partition);
  if (row.timestamp) m.timestamp = time_ms(milliseconds(*row.timestamp));
  for (std::string_view left = row.headers.value_or(""); !left.empty();) {
    std::uint32_t sizes[2];
    std::memcpy(sizes, left.data(), sizeof sizes);
    left.remove_prefix(sizeof sizes);
    m.headers.emplace_back(left.substr(0, sizes[0]), left.substr(sizes[0], sizes[1]));
    left.remove_prefix(std::size_t{sizes[0]} + sizes[1]);
  }
  return m;
}

void write(const stream& cells, std::string brokers, std::string name, bool exactly_once,
           std::int64_t patience_ms, kafka::librdkafka_settings settings) {
  const detail::stream_ptr rows = detail::derived_stream(
      {cells.node}, detail::row_type_of<kafka::message>(), cells.node->operation(),
      {{},
       [](const void*, const detail::node_ptr* parents, detail::time_point_ms) {
         return detail::apply(rows_of_cells(parents[0], detail::row_type_of<outgoing_cells>()),
                              detail::map_step<outgoing_cells>(message_of));
       }},
      detail::missing_parent::gives_none);
  rows->name(cells.node->name());
  detail::write_stream<kafka::message>(
      rows, kafka::topic{.brokers = std::move(brokers),
                         .name = std::move(name),
                         .delivery = exactly_once ? kafka::delivery::exactly_once
                                                  : kafka::delivery::at_least_once,
                         .patience = milliseconds(patience_ms),
                         .settings = std::move(settings)});
}

}  // namespace

PYBIND11_MODULE(_millrace_kafka, m) {
  m.doc() = "Kafka for millrace.kafka; not for programs.";
  py::module_::import("_millrace");  // its types
  m.def("records", [](const stream_engine_object& of, const py::dict& options) {
    return records(of.engine, options);
  });
  m.def("offsets_of", offsets_of);
  m.def("read", read);
  m.def("write", write);
}

}  // namespace millrace::python
