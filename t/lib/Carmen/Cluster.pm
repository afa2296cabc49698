package Carmen::Cluster;

# A private PostgreSQL for tests: unix socket only, no durability.
#
# One shared cluster serves every test of this checkout.  Who uses it holds a
# shared lock on "users"; a keeper process waits for the exclusive lock, which
# it gets when the last user is gone (however it went), and stops the server.
#
#   my $pg = Carmen::Cluster->shared;        start or join
#   my $db = $pg->database;                  a new database with all schemas
#   my $own = Carmen::Cluster->private;      for a test that kills its server
#
# A database has: name, sql($text, @bind), row, column, dbh, psql(@args),
# conninfo([user]), drop.  A cluster has: socket_dir, socket, port, stop($mode),
# start, kill_backends.

use strict;
use warnings;

use Cwd ();
use DBI;
use Digest::SHA qw(sha1_hex);
use Fcntl qw(:flock :mode);
use File::Find ();
use File::Path qw(make_path remove_tree);
use File::Spec;
use File::Temp ();
use POSIX ();
use Time::HiRes qw(sleep time);

our $ROOT = do {
    my ($volume, $dir) = File::Spec->splitpath(
        Cwd::realpath(__FILE__));
    Cwd::realpath(File::Spec->catdir($dir, ('..') x 3));
};

my @SETTINGS = (
    "listen_addresses = ''",
    'fsync = off',
    'synchronous_commit = off',
    'full_page_writes = off',
    'max_connections = 300',
    'shared_buffers = 128MB',
    'max_wal_size = 4GB',
    'jit = off',
    'log_min_messages = warning',
    "log_line_prefix = '%m [%p] %d '",
    "timezone = 'UTC'",
);

my ($shared, $database_count);
my @private;


sub bin
{
    my ($program) = @_;
    my ($found) = sort { ($b =~ /(\d+)/)[0] <=> ($a =~ /(\d+)/)[0] }
                  glob "/usr/lib/postgresql/*/bin/$program";
    return $found // die "PostgreSQL's $program is not installed\n";
}


# PostgreSQL refuses to run as root.

sub as_server
{
    return $> == 0 ? ('runuser', '-u', 'postgres', '--') : ();
}


# The first directory that PostgreSQL's user can reach and whose socket names
# fit into sockaddr_un.

sub base_dir
{
    my $name = 'carmen-t-' . $> . '-' . substr sha1_hex($ROOT), 0, 10;
    my $inside = "$ROOT/.build/t";

    return $ENV{CARMEN_T_DIR} if $ENV{CARMEN_T_DIR};

    if (length $inside < 70 && eval { make_path($inside); 1 }) {
        return $inside if run_quietly(as_server(), 'test', '-x', $inside);
    }

    my $outside = "/var/tmp/$name";
    mkdir $outside, 0755;
    my @stat = lstat $outside or die "$outside: $!\n";
    die "$outside is not a directory of this user\n"
        unless S_ISDIR($stat[2]) && $stat[4] == $>;
    return $outside;
}


sub run_quietly
{
    my @command = @_;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        chdir '/';
        exec @command or POSIX::_exit(127);
    }

    local ($?, $!);
    waitpid $pid, 0;
    return $? == 0;
}


# Runs a command; dies with what it printed when it fails.

sub run
{
    my @command = @_;
    my $log = File::Temp->new;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $log;
        open STDERR, '>&', $log;
        chdir '/';
        { exec @command }
        print STDERR "$command[0]: $!\n";
        POSIX::_exit(127);
    }

    local ($?, $!);
    waitpid $pid, 0;

    open my $in, '<', $log->filename or die "log: $!";
    my $text = do { local $/; <$in> } // '';
    die "@command: exit " . ($? >> 8) . "\n$text" if $? != 0;
    return $text;
}


sub lock_file
{
    my ($path, $how) = @_;

    while (1) {
        open my $handle, '>>', $path or die "$path: $!\n";
        flock $handle, $how or die "$path: $!\n";

        # The keeper may have removed the directory while we waited.
        my @ours = stat $handle;
        my @theirs = stat $path;
        return $handle if @theirs && $ours[1] == $theirs[1];

        base_dir();
    }
}


sub shared
{
    my ($class) = @_;

    return $shared if $shared && $shared->{pid} == $$;

    my $dir = base_dir();
    my $self = bless {
        dir => "$dir/pg", socket_dir => "$dir/s", port => 5432, pid => $$,
        base => $dir,
    }, $class;

    $self->{users} = lock_file("$dir/users", LOCK_SH);
    my $starting = lock_file("$dir/starting", LOCK_EX);

    $self->{dir} = "$dir/pg";
    if (!$self->ready) {
        $self->create;
        $self->start;
        $self->drop_leftovers;
        $self->keep;
    }

    return $shared = $self;
}


# A cluster of this process alone, that a test may stop, start and kill.

sub private
{
    my ($class, %with) = @_;
    my $base = File::Temp::tempdir('carmen-pg-XXXXXX', DIR => '/tmp',
                                   CLEANUP => 0);
    chmod 0755, $base;

    my $self = bless {
        dir => "$base/pg", socket_dir => "$base/s", port => 5432, pid => $$,
        base => $base, private => 1, settings => $with{settings},
    }, $class;

    push @private, $self;
    $self->create;
    $self->start;
    return $self;
}


sub create
{
    my ($self) = @_;
    my ($dir, $sockets) = @$self{qw(dir socket_dir)};

    if (!-d $sockets) {
        mkdir $sockets, 0755 or die "$sockets: $!\n";
        $self->give_away($sockets);
    }

    # Removed first when an earlier initdb did not come to its end.
    if (!-e "$dir.made") {
        remove_tree($dir);
        mkdir $dir, 0700 or die "$dir: $!\n";
        $self->give_away($dir);
        run(as_server(), bin('initdb'), '-D', $dir, '-U', 'postgres',
            '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C.UTF-8');

        open my $conf, '>>', "$dir/postgresql.conf" or die "$dir: $!\n";
        print $conf "$_\n" for @SETTINGS, @{ $self->{settings} // [] },
            "unix_socket_directories = '$sockets'", "port = $self->{port}";
        close $conf or die "$dir/postgresql.conf: $!\n";

        open my $made, '>', "$dir.made" or die "$dir.made: $!\n";
        close $made;
    }
}


sub give_away
{
    my ($self, $path) = @_;
    return if $> != 0;
    my ($uid, $gid) = (getpwnam 'postgres')[2, 3];
    chown $uid, $gid, $path or die "$path: $!\n";
}


sub start
{
    my ($self) = @_;
    my @command = (as_server(), bin('pg_ctl'), 'start', '-w', '-t', 60,
                   '-s', '-D', $self->{dir}, '-l', "$self->{dir}/log");

    eval { run(@command); 1 } or die $@ . $self->log_tail;
    return $self;
}


sub stop
{
    my ($self, $mode) = @_;
    delete $self->{dbh};
    run(as_server(), bin('pg_ctl'), 'stop', '-w', '-s', '-m',
        $mode // 'fast', '-D', $self->{dir});
    return $self;
}


sub postmaster
{
    my ($self) = @_;
    open my $file, '<', "$self->{dir}/postmaster.pid" or return;
    my $pid = <$file> // return;
    return int $pid;
}


# SIGKILL to the whole server, as an out-of-memory killer does it.

sub crash
{
    my ($self) = @_;
    my $pid = $self->postmaster // return;
    my @children = map { /(\d+)/ ? $1 : () }
        split /\n/, `ps -o pid= --ppid $pid`;
    kill 'KILL', $pid, @children;
    delete $self->{dbh};
    sleep 0.01 while grep { kill 0, $_ } $pid, @children;
    return $self;
}


sub log_tail
{
    my ($self) = @_;
    open my $file, '<', "$self->{dir}/log" or return '';
    my @lines = <$file>;
    splice @lines, 0, @lines - 20 if @lines > 20;
    return join '', @lines;
}


sub ready
{
    my ($self) = @_;
    return -d $self->{dir} && run_quietly(bin('pg_isready'), '-q', '-h',
        $self->{socket_dir}, '-p', $self->{port});
}


# Detached: it outlives this process and takes none of its descriptors.

sub keep
{
    my ($self) = @_;
    my $stop = join ' ', as_server(), bin('pg_ctl'), 'stop', '-w', '-s',
        '-m', 'fast', '-D', quote($self->{dir});
    $stop .= '; rm -rf ' . quote($self->{base})
        if $self->{base} =~ m{^/var/tmp/carmen-t-};

    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        chdir '/';
        { exec 'setsid', '-f', 'flock', '-x', "$self->{base}/users",
               'sh', '-c', $stop }
        POSIX::_exit(127);
    }
    local ($?, $!);
    waitpid $pid, 0;
}


sub quote
{
    my ($text) = @_;
    $text =~ s/'/'\\''/g;
    return "'$text'";
}


# For t/run: gives the lock back and waits for the keeper's work.

sub leave
{
    my ($self) = @_;
    delete @$self{qw(users dbh)};
    undef $shared;

    my $deadline = time + 15;
    while (time < $deadline && -e "$self->{dir}/postmaster.pid") {
        if (open my $users, '<', "$self->{base}/users") {
            # Somebody else is using it: the keeper goes on waiting.
            last if time > $deadline - 14 && flock $users, LOCK_SH | LOCK_NB;
        }
        sleep 0.02;
    }

    # Until the keeper itself has ended.
    open my $users, '<', "$self->{base}/users" or return;
    flock $users, LOCK_SH;
}


sub socket_dir { $_[0]{socket_dir} }
sub socket { "$_[0]{socket_dir}/.s.PGSQL.$_[0]{port}" }
sub port { $_[0]{port} }


sub connect
{
    my ($self, $name, $user) = @_;
    return DBI->connect(
        "dbi:Pg:dbname=$name;host=$self->{socket_dir};port=$self->{port}",
        $user // 'postgres', '',
        { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1,
          pg_server_prepare => 0, pg_enable_utf8 => 1,
          AutoInactiveDestroy => 1 });
}


sub admin
{
    my ($self) = @_;
    return $self->{dbh} //= do {
        my $dbh = $self->connect('postgres');
        $dbh->do('SET client_min_messages = warning');
        $dbh;
    };
}


sub drop_leftovers
{
    my ($self) = @_;
    my $names = $self->admin->selectcol_arrayref(
        "SELECT datname FROM pg_database WHERE datname LIKE 't\\_%'");
    $self->admin->do(qq{DROP DATABASE IF EXISTS "$_" WITH (FORCE)})
        for @$names;
}


chomp(our @DOMAINS = `$ROOT/packaging/migrate --list`);


# The domains that have a plan; of the named ones only, when any is named.
# CARMEN_DOMAINS names them for work on one domain while others are in pieces.

sub domains
{
    my ($names) = @_;
    $names //= [split ' ', $ENV{CARMEN_DOMAINS} // "@DOMAINS"];
    my %named = map { $_ => 1 } 'core', @$names;
    return grep { $named{$_} && -e "$ROOT/sql/$_/sqitch.plan" } @DOMAINS;
}


sub sql_hash
{
    my @domains = @_;
    my $sum = Digest::SHA->new(1);
    my @files;

    File::Find::find({ no_chdir => 1, wanted => sub {
        push @files, $_ if -f && !m{/statements/};
    } }, map { "$ROOT/sql/$_" } @domains);

    for my $path (sort(@files), "$ROOT/packaging/migrate") {
        $sum->add(substr($path, length $ROOT), "\0");
        $sum->addfile($path);
    }
    return substr $sum->hexdigest, 0, 16;
}


# The database with every migration of the domains deployed, made once per
# state of their files.

sub template
{
    my ($self, $names) = @_;
    my @domains = domains($names);
    my $known = $self->{template}{"@domains"};
    return $known if $known;

    my $lock = lock_file("$self->{base}/template", LOCK_EX);
    my $name = 'carmen_' . sql_hash(@domains);
    my $dbh = $self->admin;
    my ($there) = $dbh->selectrow_array(
        'SELECT datistemplate FROM pg_database WHERE datname = ?', undef,
        $name);

    if (!$there) {
        $self->drop_old_templates;
        $dbh->do(qq{DROP DATABASE IF EXISTS "$name" WITH (FORCE)});
        $dbh->do(qq{CREATE DATABASE "$name"});
        run("$ROOT/packaging/migrate", '--db',
            "host=$self->{socket_dir} port=$self->{port} dbname=$name "
            . 'user=postgres', 'deploy', @domains);
        $dbh->do(qq{ALTER DATABASE "$name" IS_TEMPLATE true});
    }

    return $self->{template}{"@domains"} = $name;
}


# Keeps the newest few: another test may be about to copy one.

sub drop_old_templates
{
    my ($self) = @_;
    my $old = $self->admin->selectcol_arrayref(
        q{SELECT datname FROM pg_database
           WHERE datname ~ '^carmen_[0-9a-f]{16}$'
           ORDER BY oid DESC OFFSET 5});

    for (@$old) {
        eval {
            $self->admin->do(qq{ALTER DATABASE "$_" IS_TEMPLATE false});
            $self->admin->do(qq{DROP DATABASE IF EXISTS "$_"});
        };
    }
}


# with: empty => 1 (no schemas), domains => [...] (the core and these only)

sub database
{
    my ($self, %with) = @_;
    my $name = sprintf 't_%d_%d', $$, ++$database_count;
    my $from = 'template1';

    if (!$with{empty} && !$self->{private}) {
        $from = $self->template($with{domains});
    }

    # A template is busy for the moment in which somebody else copies it.
    for my $try (1 .. 100) {
        last if eval {
            $self->admin->do(qq{CREATE DATABASE "$name" TEMPLATE "$from"});
            1;
        };
        die $@ if $try == 100 || $@ !~ /being accessed by other users/;
        sleep 0.05;
    }

    if (!$with{empty} && $self->{private}) {
        my $other = Carmen::Cluster->shared;
        my $template = $other->template($with{domains});
        $self->admin->do(q{DO $$ BEGIN CREATE ROLE carmen_app LOGIN;
            EXCEPTION WHEN duplicate_object THEN NULL; END $$});
        run('sh', '-c', bin('pg_dump') . " -h $other->{socket_dir} "
            . "-p $other->{port} -U postgres $template | "
            . bin('psql') . " -qX -v ON_ERROR_STOP=1 -h $self->{socket_dir} "
            . "-p $self->{port} -U postgres -d $name");
    }

    return bless { cluster => $self, name => $name, pid => $$ },
        'Carmen::Database';
}


END {
    local ($?, $!, $@);
    for my $pg (@private) {
        next if $pg->{pid} != $$;
        eval { $pg->stop('immediate') } if $pg->postmaster;
        remove_tree($pg->{base});
    }
}


package Carmen::Database;

sub name { $_[0]{name} }
sub cluster { $_[0]{cluster} }


sub conninfo
{
    my ($self, $user) = @_;
    my $pg = $self->{cluster};
    return "host=$pg->{socket_dir} port=$pg->{port} dbname=$self->{name} "
        . 'user=' . ($user // 'postgres');
}


# The superuser's session: row-level security does not apply to it.

sub dbh
{
    my ($self) = @_;
    my $dbh = $self->{dbh};
    return $dbh if $dbh && $dbh->ping;
    return $self->{dbh} = $self->{cluster}->connect($self->{name});
}


# A session as the server has it, seeing one tenant.

sub as_app
{
    my ($self, $tenant) = @_;
    my $dbh = $self->{cluster}->connect($self->{name}, 'carmen_app');
    $dbh->do(q{SELECT set_config('carmen.tenant', ?, false)}, undef, $tenant)
        if defined $tenant;
    return $dbh;
}


# The first column of the first row; in list context, of every row.  Without
# binds the text may hold several statements.

sub sql
{
    my ($self, $text, @bind) = @_;
    my $dbh = $self->dbh;

    if (!defined wantarray) {
        $dbh->do($text, undef, @bind);
        return;
    }

    my $rows = $dbh->selectall_arrayref($text, undef, @bind);
    return map { $_->[0] } @$rows if wantarray;
    return @$rows ? $rows->[0][0] : undef;
}


# A row as a hash; rows: all of them.

sub row
{
    my ($self, $text, @bind) = @_;
    return $self->dbh->selectrow_hashref($text, undef, @bind);
}


sub rows
{
    my ($self, $text, @bind) = @_;
    return @{ $self->dbh->selectall_arrayref($text, { Slice => {} }, @bind) };
}


# Runs psql, for files and for \copy; returns what it printed.

sub psql
{
    my ($self, @args) = @_;
    return Carmen::Cluster::run(Carmen::Cluster::bin('psql'), '-qXAt',
        '-v', 'ON_ERROR_STOP=1', '-d', $self->conninfo, @args);
}


sub drop
{
    my ($self) = @_;
    return if $self->{pid} != $$;
    delete $self->{dbh};
    my $pg = $self->{cluster};
    eval {
        $pg->admin->do(qq{DROP DATABASE IF EXISTS "$self->{name}" }
                       . 'WITH (FORCE)');
    };
}


sub DESTROY
{
    my ($self) = @_;
    return if ${^GLOBAL_PHASE} eq 'DESTRUCT';
    local ($?, $!, $@);
    $self->drop if !$self->{cluster}{private};
}


1;
