#include "streaming.hpp"

#include <pybind11/stl.h>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cells.hpp"
#include "dataset_object.hpp"
#include "file_sink.hpp"
#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/detail/streaming/directory.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/socket.hpp"
#include "millrace/streaming_context.hpp"
#include "owned.hpp"
#include "pickled.hpp"
#include "python_listener.hpp"
#include "python_receiver.hpp"
#include "python_state.hpp"
#include "python_stream.hpp"
#include "runner.hpp"
#include "streaming/recovery/checkpoint_directory.hpp"

namespace py = pybind11;

namespace millrace::python {

namespace {

using std::chrono::milliseconds;

detail::time_point_ms time_of(std::int64_t ms) { return detail::time_point_ms(milliseconds(ms)); }
std::int64_t ms_of(detail::time_point_ms time) { return time.time_since_epoch().count(); }

/// By the thread that makes a batch, or while the graph stands still.
py::object dataset_of(const stream& of, std::int64_t time_ms) {
  detail::node_ptr made;
  {
    const py::gil_scoped_release no_python;
    made = of.node->dataset(time_of(time_ms));
  }
  return dataset_object(made);
}

std::vector<detail::stream_ptr> nodes_of(const std::vector<stream>& streams) {
  std::vector<detail::stream_ptr> nodes;
  for (const stream& one : streams) nodes.push_back(one.node);
  return nodes;
}

detail::node_ptr node_of(const std::optional<dataset>& one) {
  return one ? one->node : detail::node_ptr();
}

using function_handle = std::shared_ptr<written_function>;

class streaming {
 public:
  /// `stops`: a batch that fails stops the stream; else it is reported, and others follow.
  streaming(std::shared_ptr<runner> over, std::int64_t interval_ms, bool stops)
      : runner_(std::move(over)),
        context_(millrace::context(runner_->core()), milliseconds(interval_ms)) {
    core()->on_batch_failure(stops ? "stop" : "report");
  }

  // ---- inputs

  stream socket(std::string host, int port) {
    if (port < 1 || port > 65535)
      throw usage_error("socketTextStream: the port must be between 1 and 65535: " +
                        std::to_string(port));
    const socket::text source{.host = std::move(host), .port = static_cast<std::uint16_t>(port)};
    return {detail::receiver_stream(core(), detail::row_type_of<std::string_view>(),
                                    source.make_port())};
  }
  stream text_files(std::string directory, bool new_files_only, bool recursive,
                    bool may_be_missing) {
    return {detail::text_directory(
        core(), {std::move(directory), new_files_only, recursive, may_be_missing})};
  }
  stream file_paths(std::string directory, bool new_files_only, bool recursive) {
    return {text_of_paths(
        detail::path_directory(core(), {std::move(directory), new_files_only, recursive}))};
  }
  /// Records as bytes. As in Spark, the directory may come later.
  stream record_files(std::string directory, std::int64_t length) {
    return {pickled_stream(detail::record_directory(
        core(), {.directory = std::move(directory), .may_be_missing = true}, length))};
  }
  /// What an object of `millrace.Receiver` stores, a frame a row.
  stream receiver(std::string name, py::object of) {
    return {detail::receiver_stream(core(), detail::row_type_of<frame>(),
                                    python_receiver(std::move(name), hold(std::move(of))))};
  }
  stream input(std::string name, py::object take) {
    return {python_input(core(), std::move(name), std::move(take))};
  }

  // ---- streams of Python's

  stream computed(const std::vector<stream>& parents, std::int64_t slide_ms,
                  const std::optional<dataset>& like, py::object compute) {
    return {python_stream(core(), nodes_of(parents), milliseconds(slide_ms),
                          like ? like->node->rows() : detail::row_type_of<frame>(),
                          std::move(compute))};
  }
  void output(std::string name, const std::vector<stream>& parents, std::int64_t slide_ms,
              py::object generate, py::object run) {
    add_python_output(core(), std::move(name), nodes_of(parents), milliseconds(slide_ms),
                      std::move(generate), std::move(run));
  }

  // ---- state and windows

  stream window(const stream& of, std::string name, std::int64_t length_ms, std::int64_t slide_ms) {
    detail::stream_ptr made =
        detail::window_stream(of.node, "window", {milliseconds(length_ms), milliseconds(slide_ms)});
    made->name(std::move(name));
    return {made};
  }
  stream moved(const stream& of, const function_handle& function, int partitions, std::string name,
               std::string hashed, std::int64_t length_ms, std::int64_t slide_ms) {
    auto [frames, kept] =
        moved_window(of.node, facts(function, partitions, std::move(name), std::move(hashed)),
                     {milliseconds(length_ms), milliseconds(slide_ms)});
    return {frames, kept};
  }
  stream updated(const stream& of, const function_handle& function, int partitions,
                 std::string name, std::string hashed, const std::optional<dataset>& initial) {
    auto [frames, kept] =
        updated_stream(of.node, facts(function, partitions, std::move(name), std::move(hashed)),
                       detail::idle_keys::called_with_others, node_of(initial));
    return {frames, kept};
  }
  std::pair<stream, stream> mapped(const stream& of, const function_handle& function,
                                   int partitions, std::string name, std::string hashed,
                                   const std::optional<dataset>& initial, std::int64_t timeout_ms) {
    const mapped_streams made =
        mapped_streams_of(of.node, facts(function, partitions, std::move(name), std::move(hashed)),
                          node_of(initial), milliseconds(timeout_ms));
    return {stream{made.rows}, stream{made.snapshots}};
  }

  // ---- life

  void checkpoint(std::string directory) { context_.checkpoint(std::move(directory)); }
  void remember(std::int64_t ms) { context_.remember(milliseconds(ms)); }
  /// The time before the first batch, of the first run where one goes on.
  std::int64_t zero() const { return ms_of(core()->graph().outputs().at(0)->from->zero()); }
  void start() {
    if (runner_->stepped_clock() == nullptr) return context_.start();
    if (!core()->checkpoint().empty())
      runner_->core()->rejected().directory(core()->checkpoint() + "/dead_letters");
    const detail::time_point_ms last = core()->start_stepped();
    detail::manual_clock& clock = *runner_->stepped_clock();
    if (last > clock.now()) clock.advance(last - clock.now());
  }
  void step() {
    detail::manual_clock* const clock = runner_->stepped_clock();
    if (clock == nullptr) throw usage_error("only a context on a manual clock is stepped");
    clock->advance(core()->interval());
    core()->step(clock->now());
  }
  bool await_for(double seconds) {
    if (runner_->stepped_clock() != nullptr) {
      if (context_.state() != streaming_state::stopped) return false;
      core()->await();  // throws what it stopped for
      return true;
    }
    return context_.await_termination_for(std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(seconds)));
  }
  stream_engine_object engine() const { return {core()}; }
  void stop(bool graceful) { context_.stop({.context = false, .graceful = graceful}); }
  int state() const { return static_cast<int>(context_.state()); }
  /// Calls `f` while no batch is made.
  void while_standing(const py::object& f) {
    std::exception_ptr raised;
    {
      const py::gil_scoped_release no_python;
      core()->while_standing([&] {
        const py::gil_scoped_acquire lock;
        try {
          f();
        } catch (const py::error_already_set&) {
          raised = std::current_exception();
        }
      });
    }
    if (raised != nullptr) std::rethrow_exception(raised);
  }
  void add_listener(py::object listener) {
    context_.add_listener(std::make_shared<python_listener>(hold(std::move(listener))));
  }

 private:
  const detail::stream_engine_ptr& core() const { return context_.core(); }
  state_facts facts(const function_handle& function, int partitions, std::string name,
                    std::string hashed) const {
    return {{runner_->workers(), function}, partitions, std::move(name), std::move(hashed)};
  }
  static detail::stream_ptr text_of_paths(const detail::stream_ptr& paths) {
    return detail::narrow_stream(paths, detail::map_step<std::string>([](const std::string& path) {
                                   return std::string_view(path);
                                 }));
  }
  static detail::stream_ptr pickled_stream(const detail::stream_ptr& records) {
    return detail::derived_stream(
        {records}, detail::row_type_of<frame>(), "pickle",
        {{},
         [](const void*, const detail::node_ptr* parents, detail::time_point_ms) {
           return pickled(parents[0], as_bytes());
         }},
        detail::missing_parent::gives_none);
  }

  std::shared_ptr<runner> runner_;
  streaming_context context_;
};

/// Whether a program that begins there goes on from an earlier run.
bool holds_checkpoint(const std::string& directory) {
  detail::file_system& files = detail::file_system_for(directory);
  return files.exists(directory) && detail::read_contents(files, directory).now.has_value();
}

/// A stream of what a dataset-to-dataset function makes of another's.
stream derived(const stream& of, const detail::row_type& rows,
               detail::node_ptr (*make)(const void*, const detail::node_ptr*,
                                        detail::time_point_ms)) {
  return {detail::derived_stream({of.node}, rows, of.node->operation(), {{}, make},
                                 detail::missing_parent::gives_none)};
}

/// Rows of text; or frames of it, a line a row.
void write_files(const stream& rows, std::string name, line_files to) {
  const bool text = rows.node->rows().kind == detail::row_kind::text_view;
  const stream lines =
      text ? rows
           : derived(rows, detail::row_type_of<std::string_view>(),
                     [](const void*, const detail::node_ptr* parents, detail::time_point_ms) {
                       return lines_of_frames(parents[0]);
                     });
  if (!name.empty()) lines.node->name(std::move(name));
  write_lines(lines.node, std::move(to));
}

}  // namespace

void bind_streaming(py::module_& m) {
  using no_python = py::call_guard<py::gil_scoped_release>;
  m.def("write_files", [](const stream& rows, std::string name, std::string directory,
                          std::string extension, std::string header, std::string compression,
                          std::uint64_t roll_bytes, std::int64_t roll_ms, bool empty_files) {
    write_files(rows, std::move(name),
                {std::move(directory),
                 std::move(extension),
                 std::move(header),
                 {std::move(compression), roll_bytes, milliseconds(roll_ms), empty_files}});
  });
  m.def("holds_checkpoint", holds_checkpoint, no_python());
  py::class_<written_function, function_handle>(m, "Function")
      .def(py::init<>())
      .def("set", [](written_function& f, const py::bytes& pickled) { f.set(pickled); });
  py::class_<stored_rows>(m, "StoredRows")
      .def("store", &stored_rows::store)
      .def("report", &stored_rows::report, no_python())
      .def("restart", &stored_rows::restart, no_python());
  // NOLINTNEXTLINE(bugprone-unused-raii): it is made known to Python, and has no members
  py::class_<stream_engine_object>(m, "StreamEngine");
  py::class_<stream>(m, "Stream")
      .def("named",
           [](const stream& s, const std::string& name) {
             s.node->name(name);
             if (s.kept != nullptr) s.kept->name(name);
           })
      .def("dataset", dataset_of)
      .def_property_readonly("rows", [](const stream& s) { return kind_of_rows(s.node->rows()); })
      .def("nothing",
           [](const stream& s) {
             return dataset{detail::from_rows(s.node->engine()->core(), s.node->rows(), {})};
           })
      .def("keep", [](const stream& s) { s.node->keep_for_reading(); });
  py::class_<streaming, std::shared_ptr<streaming>>(m, "Streaming")
      .def(py::init(&make_ended_unlocked<streaming, std::shared_ptr<runner>, std::int64_t, bool>))
      .def_property_readonly("engine", &streaming::engine)
      .def("socket", &streaming::socket)
      .def("text_files", &streaming::text_files, py::arg("directory"),
           py::arg("new_files_only") = true, py::arg("recursive") = false,
           py::arg("may_be_missing") = false)
      .def("file_paths", &streaming::file_paths)
      .def("record_files", &streaming::record_files)
      .def("receiver", &streaming::receiver)
      .def("input", &streaming::input)
      .def("computed", &streaming::computed)
      .def("output", &streaming::output)
      .def("window", &streaming::window)
      .def("moved", &streaming::moved)
      .def("updated", &streaming::updated)
      .def("mapped", &streaming::mapped)
      .def("checkpoint", &streaming::checkpoint)
      .def("remember", &streaming::remember)
      .def_property_readonly("zero", &streaming::zero)
      .def("start", &streaming::start, no_python())
      .def("step", &streaming::step, no_python())
      .def("await_for", &streaming::await_for, no_python())
      .def("stop", &streaming::stop, no_python())
      .def("while_standing", &streaming::while_standing)
      .def("add_listener", &streaming::add_listener)
      .def_property_readonly_static("in_batch", [](const py::object&) { return in_batch(); })
      .def_property_readonly("state", &streaming::state);
}

}  // namespace millrace::python
