"""See evae_tf/cli/evaluate.py."""

from evae_tf.cli.evaluate import main

if __name__ == "__main__":
    main()
