"""The only door for apps: composes decisions and plans; its trace receiver and its jobs are processes of their own."""
