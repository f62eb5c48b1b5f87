;; Twelve memories of one page each.
(memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1)
(memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1)
