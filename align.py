"""See evae_tf/cli/align.py."""

from evae_tf.cli.align import main

if __name__ == "__main__":
    main()
