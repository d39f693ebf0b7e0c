#include "connectors/kafka/waiting_messages.hpp"

#include <string>
#include <utility>

namespace millrace::detail::kafka {

waiting_messages::waiting_messages(const task_memory& memory)
    : disk_(memory.disk), counted_(memory.budget != nullptr && memory.disk != nullptr) {
  if (counted_) held_ = held_memory(memory.budget->outputs());
}

void waiting_messages::add(staged_messages& some) {
  const std::size_t size = some.bytes();
  count_ += some.entries().size();
  bytes_ += size;
  in_memory_ += size;
  rest_.push_back(std::exchange(some, {}));
  if (!counted_ || held_.grow_to(in_memory_)) return;
  // Oldest first, so that the order is kept; a piece a chunk of messages.
  for (const staged_messages& one : rest_) on_disk_.push_back(disk_->write(one.encode()));
  rest_.clear();
  in_memory_ = 0;
  held_.clear();
}

void waiting_messages::each(
    const std::function<bool(const staged_messages& some, bool stays)>& send) const {
  std::string bytes;
  for (const spill_space::piece& piece : on_disk_) {
    bytes.resize(piece.length);
    spill_space::read(piece, bytes.data());
    if (!send(staged_messages::decode(bytes), false)) return;
  }
  for (const staged_messages& one : rest_)
    if (!send(one, true)) return;
}

}  // namespace millrace::detail::kafka
