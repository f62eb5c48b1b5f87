;; Five memories of 20 MiB: each small, together too much.
(memory 320) (memory 320) (memory 320) (memory 320) (memory 320)
