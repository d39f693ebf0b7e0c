// Forgets the only pointer to an array.
int* volatile kept;

int main() {
  kept = new int[100];
  kept = nullptr;
}
