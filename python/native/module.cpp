// The module `_millrace`: the engine's untyped datasets, jobs and streams for Python.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "dataset_object.hpp"
#include "dead_letters.hpp"
#include "known_steps.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "owned.hpp"
#include "pickled.hpp"
#include "python_node.hpp"
#include "python_text.hpp"
#include "runner.hpp"
#include "streaming.hpp"

namespace py = pybind11;

namespace millrace::python {

namespace {

using namespace std::chrono_literals;

std::string_view view_of(const py::bytes& bytes) {
  return {PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

dataset parallelize(const runner& r, const std::vector<std::vector<py::bytes>>& slices) {
  std::vector<detail::row_buffer_ptr> parts;
  for (const auto& slice : slices) {
    auto rows = std::make_shared<detail::row_buffer>(detail::row_type_of<frame>());
    for (const auto& bytes : slice) {
      frame row{{0, 0}, view_of(bytes)};
      rows->append({&row, 1, false});
    }
    parts.push_back(std::move(rows));
  }
  return {detail::from_rows(r.core(), detail::row_type_of<frame>(), std::move(parts))};
}

dataset of_function(const runner& r, const std::string& operation, const py::bytes& function,
                    const std::vector<dataset>& parents,
                    const std::vector<std::vector<std::vector<std::pair<int, int>>>>& inputs,
                    bool together) {
  std::vector<detail::node_ptr> from;
  for (const auto& parent : parents) from.push_back(parent.node);
  std::vector<partition_inputs> read;
  for (const auto& partition : inputs) {
    auto& slots = read.emplace_back();
    for (const auto& slot : partition) {
      auto& to = slots.emplace_back();
      for (const auto& [parent, index] : slot) to.push_back({parent, index});
    }
  }
  return {python_node(r.core(), r.workers(), operation, std::string(view_of(function)),
                      std::move(from), std::move(read), together)};
}

/// Who asks for a job.
struct of_job {
  std::string group;
  std::vector<std::string> tags;
  bool from_main;  // Python's main thread, which hears of Ctrl-C
};

/// Runs a job on a thread of its own where Python's main thread asks, so that Ctrl-C ends it.
template <class F>
void interruptibly(runner::ticket& t, F work) {
  std::mutex mutex;
  std::condition_variable over;
  bool done = false;
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    done = true;
    over.notify_all();
  });
  bool interrupted = false;
  {
    std::unique_lock lock(mutex);
    while (!over.wait_for(lock, 50ms, [&] { return done; })) {
      if (interrupted) continue;
      lock.unlock();
      const py::gil_scoped_acquire python;
      interrupted = PyErr_CheckSignals() != 0;
      if (interrupted) t.cancel = true;
      const py::gil_scoped_release no_python;
      lock.lock();
    }
  }
  thread.join();
  if (interrupted) {
    const py::gil_scoped_acquire python;
    throw py::error_already_set();
  }
  if (failure != nullptr) std::rethrow_exception(failure);
}

py::list run(runner& r, const dataset& of, const std::vector<int>& partitions,
             const std::string& action, const of_job& job) {
  std::vector<std::shared_ptr<detail::row_buffer>> parts;
  {
    const py::gil_scoped_release no_python;
    runner::ticket t{job.group, job.tags};
    const auto work = [&] { parts = r.run(of.node, partitions, action, t); };
    if (job.from_main) interruptibly(t, work);
    else work();
  }
  py::list all;
  for (const auto& part : parts) {
    py::list frames;
    for (std::size_t i = 0; i < part->size(); ++i) {
      const auto& bytes = static_cast<const frame*>(part->row(i))->second;
      frames.append(py::bytes(bytes.data(), bytes.size()));
    }
    all.append(std::move(frames));
  }
  return all;
}

/// Runs jobs without Python's lock; Ctrl-C ends them where Python's main thread asks.
template <class F>
void in_job(runner& r, const of_job& job, F jobs) {
  const py::gil_scoped_release no_python;
  runner::ticket t{job.group, job.tags};
  const auto work = [&] { r.run(t, jobs); };
  if (job.from_main) interruptibly(t, work);
  else work();
}

std::int64_t count(runner& r, const dataset& of, const of_job& job) {
  std::int64_t rows = 0;
  in_job(r, job, [&] { rows = detail::count_rows(of.node); });
  return rows;
}

/// The first rows of a dataset of the engine's own rows, pickled.
py::bytes take(runner& r, const dataset& of, std::int64_t n, const of_job& job) {
  pickle_of_rows pickle(pickling_of(of.node->rows()));
  in_job(r, job, [&] {
    detail::row_buffer rows = detail::take_rows(of.node, n);
    for (std::size_t i = 0; i < rows.size(); ++i) pickle.add({rows.row(i), 1, false});
  });
  const std::string_view bytes = pickle.finish();
  return {bytes.data(), bytes.size()};
}

/// The dataset as rows in memory, without what it was computed from.
dataset materialised(runner& r, const dataset& of) {
  runner::ticket t;
  std::vector<detail::row_buffer_ptr> parts;
  for (auto& part : r.run(of.node, detail::all_partitions(*of.node), "checkpoint", t))
    parts.push_back(std::move(part));
  return {detail::from_rows(r.core(), of.node->rows(), std::move(parts))};
}

template <class F>
auto without_python(F f) {
  const py::gil_scoped_release no_python;
  return f();
}

}  // namespace

const char* kind_of_rows(const detail::row_type& rows) {
  if (rows.kind == detail::row_kind::text_view) return "text";
  return &rows == &detail::row_type_of<frame>() ? "frames" : "counts";
}

PYBIND11_MODULE(_millrace, m) {
  m.doc() = "The millrace engine for its Python packages; not for programs.";

  static py::exception<error> engine_error(m, "EngineError", PyExc_RuntimeError);
  static py::exception<usage_error> misuse(m, "UsageError", engine_error.ptr());
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const usage_error& e) {
      misuse(e.what());
    } catch (const error& e) {
      engine_error(e.what());
    }
  });

  using no_python = py::call_guard<py::gil_scoped_release>;
  py::class_<dataset>(m, "Dataset")
      .def_property_readonly("partitions", [](const dataset& d) { return d.node->partitions(); })
      .def_property_readonly("id", [](const dataset& d) { return d.node->id(); })
      .def_property_readonly("rows", [](const dataset& d) { return kind_of_rows(d.node->rows()); })
      .def("keep", [](const dataset& d, bool kept) {
        d.node->keep(kept ? storage_level::memory : storage_level::none);
      });

  py::class_<of_job>(m, "OfJob")
      .def(py::init<std::string, std::vector<std::string>, bool>());

  py::class_<runner, std::shared_ptr<runner>>(m, "Engine")
      .def(py::init(&make_ended_unlocked<runner, std::string, std::string,
                                         std::vector<std::pair<std::string, std::string>>, bool>))
      .def_property_readonly("threads", &runner::threads)
      .def_property_readonly("default_parallelism",
                             [](const runner& r) { return r.core()->default_parallelism(); })
      .def("start_workers",
           [](runner& r, int server, std::int64_t patience_ms) {
             r.start_workers(server, std::chrono::milliseconds(patience_ms));
           })
      .def("stop", &runner::stop, no_python())
      .def("parallelize", parallelize)
      .def("text_file",
           [](const runner& r, const std::string& path, int partitions) {
             return dataset{detail::from_text_file(r.core(), path, partitions)};
           })
      .def("of_function", of_function)
      .def("shuffled", [](const runner&, const dataset& d,
                          int partitions) { return dataset{shuffled(d.node, partitions)}; })
      .def("decoded",
           [](const runner&, const dataset& d, bool white_as_blank) {
             return dataset{python_text(d.node, white_as_blank)};
           })
      .def("split", [](const runner&, const dataset& d,
                       char delimiter) { return dataset{detail::split_text(d.node, delimiter)}; })
      .def("words",
           [](const runner&, const dataset& d) { return dataset{detail::split_words(d.node)}; })
      .def("counted", [](const runner&, const dataset& d,
                         std::int64_t number) { return dataset{counted_as(d.node, number)}; })
      .def("summed",
           [](const runner&, const dataset& d, int partitions, std::uint32_t seed, int rounds_each,
              int rounds_end) {
             return dataset{summed(d.node, partitions, {seed, rounds_each, rounds_end})};
           })
      .def("union_of",
           [](const runner& r, const std::vector<dataset>& parents) {
             std::vector<detail::node_ptr> nodes;
             for (const auto& parent : parents) nodes.push_back(parent.node);
             const detail::row_type& rows = nodes.at(0)->rows();
             return dataset{detail::union_of(r.core(), rows, std::move(nodes))};
           })
      .def("pickled",
           [](const runner&, const dataset& d) {
             return dataset{pickled(d.node, pickling_of(d.node->rows()))};
           })
      .def("dead_letters",
           [](const runner& r, const std::string& directory) {
             return dataset{dead_letters_as_frames(r.core(), directory)};
           })
      .def("count", count)
      .def("take_rows", take)
      .def("run", run)
      .def("materialised", materialised, no_python())
      .def("cancel",
           [](runner& r, const std::optional<std::string>& group) {
             r.cancel(group ? &*group : nullptr);
           })
      .def("cancel_tagged", &runner::cancel_tagged)
      .def(
          "jobs_of", [](runner& r, const std::string& group) { return r.status().jobs_of(group); },
          no_python())
      .def(
          "running_jobs", [](runner& r) { return r.status().running_jobs(); }, no_python())
      .def(
          "running_stages", [](runner& r) { return r.status().running_stages(); }, no_python())
      .def("job",
           [](runner& r, std::int64_t id) -> py::object {
             const auto one = without_python([&] { return r.status().find_job(id); });
             if (!one) return py::none();
             return py::make_tuple(static_cast<int>(one->now), one->stages);
           })
      .def("stage",
           [](runner& r, std::int64_t id) -> py::object {
             const auto one = without_python([&] { return r.status().find_stage(id); });
             if (!one) return py::none();
             return py::make_tuple(one->attempt, one->name, one->tasks, one->active, one->completed,
                                   one->failed);
           })
      .def("take_gained", [](runner& r) {
        py::list all;
        for (const std::string& updates : r.workers()->take_gained())
          all.append(py::bytes(updates));
        return all;
      });

  bind_streaming(m);
}

}  // namespace millrace::python
