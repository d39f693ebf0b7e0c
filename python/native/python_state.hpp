// State and windows of Python streams, kept by the engine. A key is known by where its frames go;
// the value is the pickle of the rows of all keys there, of which there is almost always one: a
// list of pairs (key, value).
#pragma once

#include <chrono>
#include <string>

#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/state.hpp"
#include "millrace/detail/streaming/windows.hpp"
#include "python_call.hpp"

namespace millrace::python {

/// What all of them have in common. `rows` of parents are frames, a place each.
struct state_facts {
  python_function function;
  int partitions;
  /// By which it is found again after a restart.
  std::string name;
  /// How workers hash text: state that was hashed otherwise is not brought back.
  std::string hashed;
};

struct kept_stream {
  detail::stream_ptr frames;
  detail::stream_ptr kept;  // what they are made of
};

/// updateStateByKey: frames with the states after each batch. `initial` (frames, a place once) may
/// be null.
kept_stream updated_stream(const detail::stream_ptr& parent, state_facts facts,
                           detail::idle_keys idle, detail::node_ptr initial);

struct mapped_streams {
  detail::stream_ptr rows;       // what the function gave
  detail::stream_ptr snapshots;  // the states after each batch
};
/// map_with_state; a timeout of 0: none.
mapped_streams mapped_streams_of(const detail::stream_ptr& parent, state_facts facts,
                                 detail::node_ptr initial, std::chrono::milliseconds timeout);

/// A window that is moved by what leaves and what enters it.
kept_stream moved_window(const detail::stream_ptr& parent, state_facts facts,
                         detail::window_size size);

}  // namespace millrace::python
