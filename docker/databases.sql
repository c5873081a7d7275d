-- One database per service: a service's data is its own. Run once by PostgreSQL's image, on an empty volume.
CREATE DATABASE profile;
CREATE DATABASE forecast;
CREATE DATABASE allocation;
CREATE DATABASE recommend;
CREATE DATABASE gateway;
CREATE DATABASE jobs;
