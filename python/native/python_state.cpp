#include "python_state.hpp"

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "millrace/codec.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::python {

namespace {

struct pickled {
  std::string bytes;
};

}  // namespace

}  // namespace millrace::python

template <>
struct millrace::codec<millrace::python::pickled> {
  static void encode(const python::pickled& p, byte_writer& out) { out.text(p.bytes); }
  static python::pickled decode(byte_reader& in) { return {std::string(in.text())}; }
};

namespace millrace::python {

namespace {

using detail::function_in;

/// What the engine keeps of a key.
using kept = std::pair<frame_place, pickled>;

/// Their type, which says how text is hashed: checkpoints tell by it what they can bring back.
const detail::row_type& kept_rows(const std::string& hashed) {
  struct named {
    std::string name;
    detail::row_type value;
    std::array<detail::row_field, 2> fields;
    detail::row_type pair;
  };
  static std::mutex mutex;
  static auto* const all =
      new std::map<std::string, std::unique_ptr<named>>;  // types live for ever
  const std::lock_guard lock(mutex);
  std::unique_ptr<named>& one = (*all)[hashed];
  if (one != nullptr) return one->pair;
  const detail::row_type& pair = detail::row_type_of<kept>();
  one = std::make_unique<named>(named{"Python rows hashed by " + hashed,
                                      *pair.field(1).type,
                                      {pair.field(0), pair.field(1)},
                                      pair});
  one->value.name = one->name;
  one->fields[1].type = &one->value;
  one->pair.fields = one->fields.data();
  return one->pair;
}

detail::narrow_step as_frames() {
  return detail::map_step<kept>([](const kept& row) { return frame(row.first, row.second.bytes); });
}

detail::node_ptr as_kept(const detail::node_ptr& frames, const detail::row_type& rows) {
  if (frames == nullptr) return {};
  detail::narrow_step step = detail::map_step<frame>(
      [](const frame& row) { return kept(row.first, pickled{std::string(row.second)}); });
  step.rows = &rows;
  return detail::apply(frames, step);
}

[[noreturn]] void throw_wrong_answer() {
  throw worker_lost("a Python worker gave other states than it was asked for");
}

std::string_view bytes_of(const void* value) { return static_cast<const pickled*>(value)->bytes; }

void make(void* at, std::string_view bytes) { ::new (at) pickled{std::string(bytes)}; }

// ---- updateStateByKey: a state and new values in, a state out

void update(const void* function, const detail::update_batch& b) {
  const auto* const values = reinterpret_cast<const std::string_view*>(b.values);
  python_call call(function_in<python_function>(function), *b.task);
  for (std::uint32_t k = 0; k < b.count; ++k) {
    if (b.before[k] != nullptr) call.add(bytes_of(b.before[k]));
    call.end_part();
    for (std::uint32_t i = b.starts[k]; i < b.starts[k + 1]; ++i) call.add(values[i]);
    call.end_part();
  }
  std::uint32_t next = 0;
  call.run([&](const frame_place& place, std::string_view bytes) {
    if (place.first != next || next == b.count) throw_wrong_answer();
    const bool stays = place.second != 0;
    b.alive[next++] = stays ? 1 : 0;
    if (!stays) return;
    make(b.out->place(), bytes);
    b.out->added();
  });
  if (next != b.count) throw_wrong_answer();
}

// ---- map_with_state: a state and rows in, rows out, and a state where it changed

/// Which rows are each key's, side by side.
struct rows_by_key {
  explicit rows_by_key(const detail::state_batch& b) : rows(b.count) {
    std::uint32_t keys = 0;
    for (std::uint32_t i = 0; i < b.count; ++i) keys = std::max(keys, key_of(b, i) + 1);
    starts.resize(std::size_t{keys} + 1);
    for (std::uint32_t i = 0; i < b.count; ++i) ++starts[key_of(b, i) + 1];
    for (std::size_t k = 1; k < starts.size(); ++k) starts[k] += starts[k - 1];
    std::vector<std::uint32_t> next(starts.begin(), starts.end() - 1);
    for (std::uint32_t i = 0; i < b.count; ++i) rows[next[key_of(b, i)]++] = i;
  }
  static std::uint32_t key_of(const detail::state_batch& b, std::uint32_t row) {
    return b.key_of == nullptr ? row : b.key_of[row];
  }
  std::size_t keys() const { return starts.size() - 1; }

  std::vector<std::uint32_t> starts;
  std::vector<std::uint32_t> rows;
};

void take_state(const detail::state_batch& b, std::size_t key, bool stays, std::string_view bytes) {
  auto* const made = static_cast<pickled*>(b.made) + key;
  if (b.is_made[key] != 0) made->~pickled();
  b.is_made[key] = 0;
  b.now[key] = nullptr;
  b.changed[key] = 1;
  if (!stays) return;
  make(made, bytes);
  b.now[key] = made;
  b.is_made[key] = 1;
}

void map_states(detail::step_state& step, const detail::state_batch& b) {
  const auto* const values = static_cast<const std::string_view*>(b.values);  // null: time is up
  const rows_by_key by_key(b);
  for (std::size_t first = 0; first < by_key.keys(); first += python_call::most_keys) {
    const std::size_t end = std::min(by_key.keys(), first + python_call::most_keys);
    python_call call(function_in<python_function>(step.function), *b.task);
    for (std::size_t k = first; k < end; ++k) {
      if (b.now[k] != nullptr) call.add(bytes_of(b.now[k]));
      call.end_part();
      for (std::uint32_t i = by_key.starts[k]; values != nullptr && i < by_key.starts[k + 1]; ++i)
        call.add(values[by_key.rows[i]]);
      call.end_part();
    }
    call.run([&](const frame_place& place, std::string_view bytes) {
      if (place.first < 0) {  // rows
        frame row{{0, 0}, bytes};
        step.to({&row, 1, false});
        return;
      }
      const std::size_t key = first + static_cast<std::size_t>(place.first);
      if (key >= end) throw_wrong_answer();
      take_state(b, key, place.second != 0, bytes);
    });
  }
}

// ---- windows: a value, what leaves and what enters in, a value out

/// What several slides gave for a key, until the program's function makes one value of them.
void append_piece(pickled& to, std::string_view piece) {
  const auto size = static_cast<std::uint64_t>(piece.size());
  to.bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  to.bytes += piece;
}

void add_pieces(python_call& to, const void* pieces) {
  std::string_view left = pieces == nullptr ? std::string_view() : bytes_of(pieces);
  while (!left.empty()) {
    std::uint64_t size = 0;
    std::memcpy(&size, left.data(), sizeof size);
    to.add(left.substr(sizeof size, size));
    left.remove_prefix(sizeof size + size);
  }
  to.end_part();
}

void move_window(const void* function, const detail::window_change& c) {
  for (std::uint32_t first = 0; first < c.count; first += python_call::most_keys) {
    const std::uint32_t end =
        std::min<std::uint32_t>(c.count, first + std::uint32_t{python_call::most_keys});
    python_call call(function_in<python_function>(function), *c.task);
    for (std::uint32_t k = first; k < end; ++k) {
      if (c.before[k] != nullptr) call.add(bytes_of(c.before[k]));
      call.end_part();
      add_pieces(call, c.leaving[k]);
      add_pieces(call, c.entering[k]);
    }
    std::uint32_t next = first;
    call.run([&](const frame_place& place, std::string_view bytes) {
      if (place.first != next - first || next == end) throw_wrong_answer();
      ++next;
      make(c.out->place(), bytes);
      c.out->added();
    });
    if (next != end) throw_wrong_answer();
  }
}

/// No bytes: the key goes.
void keep_values(const void*, const void* pairs, std::uint32_t n, std::uint8_t* keep) {
  const auto* const rows = static_cast<const kept*>(pairs);
  for (std::uint32_t i = 0; i < n; ++i) keep[i] = rows[i].second.bytes.empty() ? 0 : 1;
}

}  // namespace

kept_stream updated_stream(const detail::stream_ptr& parent, state_facts facts,
                           detail::idle_keys idle, detail::node_ptr initial) {
  const detail::row_type& rows = kept_rows(facts.hashed);
  detail::stream_ptr states = detail::update_state_stream(
      parent, rows, {detail::keep_function(std::move(facts.function)), update}, idle,
      as_kept(initial, rows), by_hash_of_key(facts.partitions));
  states->name(std::move(facts.name));
  return {detail::narrow_stream(states, as_frames()), states};
}

mapped_streams mapped_streams_of(const detail::stream_ptr& parent, state_facts facts,
                                 detail::node_ptr initial, std::chrono::milliseconds timeout) {
  const detail::row_type& rows = kept_rows(facts.hashed);
  const detail::partitioner_ptr by = by_hash_of_key(facts.partitions);
  detail::stream_ptr mapped = detail::map_with_state_stream(
      parent, rows,
      {detail::keep_function(std::move(facts.function)), map_states, &detail::row_type_of<frame>()},
      as_kept(initial, rows), timeout, by);
  mapped->name(std::move(facts.name));
  return {mapped, detail::narrow_stream(detail::snapshots_stream(mapped, rows, by), as_frames())};
}

kept_stream moved_window(const detail::stream_ptr& parent, state_facts facts,
                         detail::window_size size) {
  const detail::row_type& rows = kept_rows(facts.hashed);
  detail::window_functions functions;
  functions.combine = [](const void*, const void* a, const void* b, void* to) {
    make(to, bytes_of(a));
    static_cast<pickled*>(to)->bytes += bytes_of(b);
  };
  functions.move = move_window;
  functions.filter = keep_values;
  functions.function = detail::keep_function(std::move(facts.function));
  detail::aggregator pieces = detail::combine_aggregator<frame_place, std::string_view, pickled>(
      [](std::string_view piece) {
        pickled first;
        append_piece(first, piece);
        return first;
      },
      [](pickled&& all, std::string_view piece) {
        append_piece(all, piece);
        return std::move(all);
      },
      [](pickled&& all, const pickled& more) {
        all.bytes += more.bytes;
        return std::move(all);
      });
  pieces.combined = rows.field(1).type;
  detail::stream_ptr values =
      detail::reduced_window_stream(parent, rows, "reduce_by_key_and_window", std::move(pieces),
                                    std::move(functions), size, by_hash_of_key(facts.partitions));
  values->name(std::move(facts.name));
  return {detail::narrow_stream(values, as_frames()), values};
}

}  // namespace millrace::python
